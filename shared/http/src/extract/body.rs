//! Request bodies: plain ones, and submissions that may carry an `Idempotency-Key`.

use axum::extract::{FromRef, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use deserr::Deserr;
use http::{HeaderMap, request::Parts};
use millwright_core::{Error, Fault, FaultCode, Faults, Result};
use millwright_store::Store;
use utoipa::ToSchema;

use super::{
    access::Caller,
    json::{JSON, MAX_BODY_BYTES, media_type, parse, parse_value, read_body, read_body_as},
};
use crate::{
    Describe, OperationDocument, Platform, Problem, Write,
    api::OperationName,
    exchange::Exchange,
    idempotency::{self, Claim, Claimed, Fingerprint},
    write::ClaimUse,
};

/// The JSON body of a PATCH or PUT.
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

impl<T: Deserr<Faults> + ToSchema> Describe for Body<T> {
    fn describe(document: &mut OperationDocument) {
        document.body::<T>();
    }
}

impl<S: Send + Sync, T: Deserr<Faults>> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read_body(&parts.headers, body).await?;
        Ok(Body(parse(&bytes)?))
    }
}

/// A body of another's making, such as a request of a published interface that is served here too:
/// the schema tells of it, and no member is refused for being unknown.
pub trait Foreign: ToSchema {
    /// The largest body.
    const MAX_BYTES: usize;
}

/// A JSON body as it came, for what is understood, or passed on, elsewhere.
#[derive(Clone, Debug)]
pub struct Verbatim<T> {
    pub body: serde_json::Value,
    described: std::marker::PhantomData<fn() -> T>,
}

impl<T: Foreign> Describe for Verbatim<T> {
    fn describe(document: &mut OperationDocument) {
        document.body::<T>();
    }
}

impl<S: Send + Sync, T: Foreign> FromRequest<S> for Verbatim<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read_body_as(&parts.headers, body, JSON, T::MAX_BYTES).await?;
        let (_, body) = parse_value(&bytes)?;
        Ok(Verbatim { body, described: std::marker::PhantomData })
    }
}

/// No members: the body of a POST that takes none. May be absent or `{}`.
#[derive(Clone, Copy, Debug, deserr::Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Empty {}

/// The body of a POST. With an `Idempotency-Key` it happens at most once in 24 hours: the key is
/// claimed (one PutItem) after permission and input were checked, the record completes in the
/// transaction of the effects, and a repeat gets the stored answer.
#[derive(Debug)]
pub struct Submission<T> {
    pub input: T,
    claim: Option<Claim>,
}

impl<T> Submission<T> {
    /// The input, and what is left to write with.
    pub fn take(self) -> (Submission<()>, T) {
        (Submission { input: (), claim: self.claim }, self.input)
    }

    /// It came with an `Idempotency-Key`.
    pub fn is_keyed(&self) -> bool {
        self.claim.is_some()
    }

    /// Names the submission: sent again after a crash it has the same name, and no other one has.
    /// None without a key.
    pub fn name(&self) -> Option<String> {
        self.claim.as_ref().map(Claim::submission)
    }

    /// Begins the one transaction of this request.
    pub fn write(&self, store: &Store, caller: &Caller) -> Write {
        Write::new(store, caller, self.claim.clone().map(ClaimUse::Complete))
    }

    /// Begins one of several transactions of this request. Its answer is kept under `number`, so
    /// that a repeat after a crash goes on behind it; [`Submission::write`] ends them all. Two
    /// items more than without a key.
    pub fn step(&self, store: &Store, caller: &Caller, number: usize) -> Write {
        let claim = self.claim.clone().map(|claim| ClaimUse::Step(claim, number));
        Write::new(store, caller, claim)
    }

    /// The bodies of the steps that were kept before this attempt. One Query, none without a key.
    ///
    /// # Errors
    /// `idempotency_mismatch` if they are of another request.
    pub async fn steps_before(&self, store: &Store) -> Result<Vec<String>> {
        match &self.claim {
            Some(claim) => claim.steps(store).await,
            None => Ok(Vec::new()),
        }
    }
}

impl<T: Deserr<Faults> + ToSchema> Describe for Submission<T> {
    fn describe(document: &mut OperationDocument) {
        document.body::<T>();
        document.idempotent();
    }
}

impl<S: Send + Sync, T: Deserr<Faults> + Send> FromRequest<S> for Submission<T>
where
    Platform: FromRef<S>,
{
    /// A problem, or the stored answer of the first request.
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        Submission::receive(request, state, JSON, |_, bytes| parse(bytes)).await
    }
}

impl<T> Submission<T> {
    /// Reads a body of one of the media types, and claims the key.
    async fn receive<S: Send + Sync>(
        request: Request,
        state: &S,
        media_types: &[&str],
        read: impl FnOnce(&HeaderMap, &[u8]) -> Result<T>,
    ) -> Result<Self, Response>
    where
        Platform: FromRef<S>,
    {
        let (parts, body) = request.into_parts();
        let refused = |error: Error| Problem(error).into_response();
        let bytes = read_body_as(&parts.headers, body, media_types, MAX_BODY_BYTES)
            .await
            .map_err(refused)?;
        let input = read(&parts.headers, &bytes).map_err(refused)?;
        let platform = Platform::from_ref(state);
        let Some(key) = idempotency_key(&parts).map_err(refused)? else {
            return Ok(Submission { input, claim: None });
        };
        let Some(store) = platform.0.store.clone() else {
            return Err(refused(Error::internal("idempotency needs a table")));
        };
        let Some(caller) = parts.extensions.get::<Caller>() else {
            return Err(refused(Error::internal("a submission needs a caller")));
        };
        let operation = OperationName::of(&parts);
        let fingerprint = match platform.0.fingerprint_keys.get() {
            None => Fingerprint::of(&parts, &bytes),
            Some(keys) => {
                let key = keys.key(caller.tenant()).await.map_err(refused)?;
                Fingerprint::keyed(&key, &parts, &bytes)
            }
        };
        match idempotency::claim(&store, caller, operation, &key, fingerprint).await {
            Ok(Claimed::First(claim)) => {
                Exchange::of(&parts).with(|left| left.claim = Some(claim.clone()));
                Ok(Submission { input, claim: Some(claim) })
            }
            Ok(Claimed::Replay(response)) => Err(response),
            Err(error) => Err(refused(error)),
        }
    }
}

/// What can be sent as CSV, too.
pub trait FromCsv: Deserr<Faults> {
    /// Of the text of the body, without a byte order mark.
    ///
    /// # Errors
    /// `invalid_request`, with all faults at once and pointers as of the same thing in JSON.
    fn from_csv(text: &str) -> Result<Self>;
}

/// A [`Submission`] whose body may also be `text/csv`, in UTF-8.
#[derive(Debug)]
pub struct Tabular<T>(pub Submission<T>);

const CSV: &str = "text/csv";

impl<T: FromCsv + ToSchema> Describe for Tabular<T> {
    fn describe(document: &mut OperationDocument) {
        Submission::<T>::describe(document);
        document.body_also_as_text(CSV);
    }
}

impl<S: Send + Sync, T: FromCsv + Send> FromRequest<S> for Tabular<T>
where
    Platform: FromRef<S>,
{
    /// A problem, or the stored answer of the first request.
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let media_types = [JSON, &[CSV]].concat();
        let read = |headers: &HeaderMap, bytes: &[u8]| {
            if bytes.is_empty() || media_type(headers).as_deref() != Some(CSV) {
                return parse(bytes);
            }
            let text = std::str::from_utf8(bytes).map_err(|error| {
                let place = error.valid_up_to();
                let detail = format!("the body is not UTF-8 (at byte {place})");
                Error::fault("", FaultCode::BadFormat, detail)
            })?;
            T::from_csv(text.strip_prefix('\u{feff}').unwrap_or(text))
        };
        Submission::receive(request, state, &media_types, read).await.map(Tabular)
    }
}

/// 1-255 visible ASCII characters, quoted (as the IETF draft has it) or not.
fn idempotency_key(parts: &Parts) -> Result<Option<String>> {
    let mut values = parts.headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let fault = |code, detail: &str| -> Error {
        Faults::of(Fault::new("header:Idempotency-Key", code, detail)).into()
    };
    if values.next().is_some() {
        return Err(fault(FaultCode::Duplicate, "must be sent once"));
    }
    let text = value
        .to_str()
        .map_err(|_| fault(FaultCode::BadFormat, "must be visible ASCII characters"))?;
    let key = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    if key.is_empty() {
        return Err(fault(FaultCode::TooShort, "must not be empty"));
    }
    if key.len() > 255 {
        return Err(fault(FaultCode::TooLong, "must have at most 255 characters"));
    }
    if !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(fault(FaultCode::BadFormat, "must be visible ASCII characters"));
    }
    Ok(Some(key.to_owned()))
}
