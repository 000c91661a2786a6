//! Tokens of invitations: 256 bits, of which only a hash is kept.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use deserr::Deserr;
use millwright_core::{Faults, IdGenerator, InputError};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// What a link carries. Its Debug says nothing.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    pub fn random(ids: &IdGenerator) -> Token {
        Token(URL_SAFE_NO_PAD.encode(ids.random_bytes::<32>()))
    }

    pub fn hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.0.as_bytes()))
    }

    /// In the fragment, so that it meets no server log.
    pub fn accept_url(&self, app_url: &str) -> String {
        format!("{}/invitations#token={}", app_url.trim_end_matches('/'), self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl FromStr for Token {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Token, InputError> {
        match URL_SAFE_NO_PAD.decode(text) {
            Ok(bytes) if bytes.len() == 32 => Ok(Token(text.to_owned())),
            _ => Err(InputError::bad_format("must be the token of an invitation")),
        }
    }
}

millwright_core::deserr_from_str!(Token);

impl PartialSchema for Token {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(43))
            .max_length(Some(43));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Token {}

/// A body that is nothing but a token.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "token": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
}))]
pub struct TokenIn {
    /// Of the link.
    pub token: Token,
}
