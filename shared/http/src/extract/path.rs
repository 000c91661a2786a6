//! Path parameters.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use millwright_core::{Error, Fault, FaultCode, Faults, InputError};
use utoipa::{PartialSchema, ToSchema};

use crate::{Describe, OperationDocument, Problem};

/// The parameters of the path in their order: a tuple of one to three. A wrong form is 400 before
/// anything is read.
#[derive(Clone, Copy, Debug)]
pub struct PathParameter<T>(pub T);

/// What fits a path segment: `[A-Za-z0-9._~-]`, at most 200 characters. API Gateway hands paths
/// over decoded, other servers encoded; within this set the two are the same.
fn check_segment(name: &str, text: &str) -> Result<(), Fault> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-');
    if text.len() <= 200 && text.bytes().all(fits) {
        return Ok(());
    }
    let detail = "must be at most 200 characters of A-Z a-z 0-9 . _ ~ -";
    Err(Fault::new(format!("path:{name}"), FaultCode::BadFormat, detail))
}

fn read<T: FromStr<Err = InputError>>(name: &str, text: &str) -> Result<T, Fault> {
    check_segment(name, text)?;
    text.parse().map_err(|refused: InputError| {
        Fault::new(format!("path:{name}"), refused.code, refused.detail)
    })
}

async fn segments(parts: &mut Parts) -> Result<Vec<(String, String)>, Problem> {
    let Path(segments) = Path::<Vec<(String, String)>>::from_request_parts(parts, &())
        .await
        .map_err(|rejection| {
            let detail = rejection.body_text();
            Problem::from(Faults::of(Fault::new("path", FaultCode::BadFormat, detail)))
        })?;
    Ok(segments)
}

/// The extractor for a tuple of so many parameters; all faults of them at once.
macro_rules! path_parameters {
    ($($parameter:ident),+) => {
        impl<S, $($parameter),+> FromRequestParts<S> for PathParameter<($($parameter,)+)>
        where
            S: Send + Sync,
            $($parameter: FromStr<Err = InputError>,)+
        {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
                let mut segments = segments(parts).await?.into_iter();
                let mut faults = Vec::new();
                let read = ($({
                    let Some((name, text)) = segments.next() else {
                        return Err(Error::internal("the route has too few parameters").into());
                    };
                    read::<$parameter>(&name, &text).map_err(|fault| faults.push(fault)).ok()
                },)+);
                #[allow(non_snake_case, reason = "named like their types")]
                match read {
                    ($(Some($parameter),)+) => Ok(PathParameter(($($parameter,)+))),
                    _ => Err(Faults(faults).into()),
                }
            }
        }

        impl<$($parameter: ToSchema),+> Describe for PathParameter<($($parameter,)+)> {
            fn describe(document: &mut OperationDocument) {
                document.path_parameters(vec![$(<$parameter as PartialSchema>::schema()),+]);
            }
        }
    };
}

path_parameters!(A);
path_parameters!(A, B);
path_parameters!(A, B, C);
