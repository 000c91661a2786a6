//! What handlers answer: the status is in the type.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use millwright_core::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Describe, OperationDocument, Problem, problem::etag};

/// The representation of a thing that has a version and a place.
pub trait Representation: Serialize + ToSchema {
    fn version(&self) -> u64;

    /// The path of the thing, from `/api/v1` on.
    fn location(&self) -> String;

    /// False if there is no GET for it.
    fn can_be_read(&self) -> bool {
        true
    }

    /// Members that only the first answer shows: secrets. They are stored nowhere, so that a repeat
    /// with the same idempotency key answers null for them.
    fn shown_once() -> &'static [&'static str] {
        &[]
    }
}

/// An answer as it leaves, and as the idempotency record keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<String>,
    /// What a repeat gets, if that is another body.
    pub(crate) replayed: Option<String>,
    pub(crate) version: Option<u64>,
    /// `Location` of a 201 or 202.
    pub(crate) location: Option<String>,
    /// Where the same representation can be read again.
    pub(crate) resource: Option<String>,
}

impl Rendered {
    /// Without a version and a place.
    pub(crate) fn of(status: StatusCode, body: Option<String>) -> Rendered {
        Rendered { status, body, replayed: None, version: None, location: None, resource: None }
    }
}

impl IntoResponse for Rendered {
    fn into_response(self) -> Response {
        let mut response = self.body.unwrap_or_default().into_response();
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        if self.status != StatusCode::NO_CONTENT {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        if let Some(version) = self.version {
            headers.insert(header::ETAG, etag(version));
        }
        if let Some(Ok(location)) = self.location.map(HeaderValue::try_from) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}

/// What a handler may answer.
pub trait Answer: Describe {
    /// # Errors
    /// `internal` if it is no JSON.
    fn render(&self) -> Result<Rendered>;
}

fn json(value: &impl Serialize) -> Result<Option<String>> {
    serde_json::to_string(value).map(Some).map_err(Error::internal)
}

/// The representation without what is shown once.
fn replayed<T: Representation>(value: &T) -> Result<Option<String>> {
    if T::shown_once().is_empty() {
        return Ok(None);
    }
    let mut value = serde_json::to_value(value).map_err(Error::internal)?;
    for member in T::shown_once() {
        if let Some(shown) = value.get_mut(member) {
            *shown = Value::Null;
        }
    }
    Ok(Some(value.to_string()))
}

macro_rules! into_response {
    ($([$($generics:tt)*] $answer:ty),+ $(,)?) => {$(
        impl<$($generics)*> IntoResponse for $answer {
            fn into_response(self) -> Response {
                match self.render() {
                    Ok(rendered) => rendered.into_response(),
                    Err(error) => Problem(error).into_response(),
                }
            }
        }
    )+};
}

into_response! {
    [T: Representation] Accepted<T>,
    [T: Representation] Created<T>,
    [T: Representation + Clone] Rehearsable<T>,
    [T: Representation + Clone] Upserted<T>,
    [T: Representation] Versioned<T>,
    [T: Serialize + ToSchema] Listed<T>,
    [T: Serialize + ToSchema] Made<T>,
    [T: Serialize + ToSchema] Plain<T>,
    [T: Serialize + ToSchema] Taken<T>,
    [] NoContent,
}

/// 201 with `Location`, `ETag` and the representation.
#[derive(Clone, Debug)]
pub struct Created<T>(pub T);

impl<T: Representation> Answer for Created<T> {
    fn render(&self) -> Result<Rendered> {
        Ok(Rendered {
            status: StatusCode::CREATED,
            body: json(&self.0)?,
            replayed: replayed(&self.0)?,
            version: Some(self.0.version()),
            location: Some(self.0.location()),
            resource: self.0.can_be_read().then(|| self.0.location()),
        })
    }
}

impl<T: Representation> Describe for Created<T> {
    fn describe(document: &mut OperationDocument) {
        document.answer::<T>(201, "Created");
        document.answer_header(201, "Location", "Path of what was created");
        document.answer_header(201, "ETag", "Version, in quotes");
    }
}

/// 201 without a version and a place: what was made is in the answer alone.
#[derive(Clone, Debug)]
pub struct Made<T>(pub T);

impl<T: Serialize + ToSchema> Answer for Made<T> {
    fn render(&self) -> Result<Rendered> {
        let body = json(&self.0)?;
        Ok(Rendered::of(StatusCode::CREATED, body))
    }
}

impl<T: Serialize + ToSchema> Describe for Made<T> {
    fn describe(document: &mut OperationDocument) {
        document.answer::<T>(201, "Created");
    }
}

/// 202 without a version and a place: what goes on behind the answer shows nowhere.
#[derive(Clone, Debug)]
pub struct Taken<T>(pub T);

impl<T: Serialize + ToSchema> Answer for Taken<T> {
    fn render(&self) -> Result<Rendered> {
        let body = json(&self.0)?;
        Ok(Rendered::of(StatusCode::ACCEPTED, body))
    }
}

impl<T: Serialize + ToSchema> Describe for Taken<T> {
    fn describe(document: &mut OperationDocument) {
        document.answer::<T>(202, "Accepted");
    }
}

/// 202 with `Location`, `ETag` and the representation of what goes on behind the answer.
#[derive(Clone, Debug)]
pub struct Accepted<T>(pub T);

impl<T: Representation> Answer for Accepted<T> {
    fn render(&self) -> Result<Rendered> {
        Ok(Rendered {
            status: StatusCode::ACCEPTED,
            body: json(&self.0)?,
            replayed: replayed(&self.0)?,
            version: Some(self.0.version()),
            location: Some(self.0.location()),
            resource: Some(self.0.location()),
        })
    }
}

impl<T: Representation> Describe for Accepted<T> {
    fn describe(document: &mut OperationDocument) {
        document.answer::<T>(202, "Accepted");
        document.answer_header(202, "Location", "Path of what to ask for the outcome");
        document.answer_header(202, "ETag", "Version, in quotes");
    }
}

/// 202 of what goes on behind the answer, or 200 of what would have come of it.
#[derive(Clone, Debug)]
pub enum Rehearsable<T> {
    Accepted(T),
    Rehearsed(T),
}

impl<T: Representation + Clone> Answer for Rehearsable<T> {
    fn render(&self) -> Result<Rendered> {
        match self {
            Rehearsable::Accepted(thing) => Accepted(thing.clone()).render(),
            Rehearsable::Rehearsed(thing) => Plain(thing.clone()).render(),
        }
    }
}

impl<T: Representation> Describe for Rehearsable<T> {
    fn describe(document: &mut OperationDocument) {
        Accepted::<T>::describe(document);
        document.answer::<T>(200, "OK: a dry run, of which nothing is kept");
    }
}

/// 200 with `ETag` and the representation.
#[derive(Clone, Debug)]
pub struct Versioned<T>(pub T);

impl<T: Representation> Answer for Versioned<T> {
    fn render(&self) -> Result<Rendered> {
        Ok(Rendered {
            status: StatusCode::OK,
            body: json(&self.0)?,
            replayed: replayed(&self.0)?,
            version: Some(self.0.version()),
            location: None,
            resource: self.0.can_be_read().then(|| self.0.location()),
        })
    }
}

impl<T: Representation> Describe for Versioned<T> {
    fn describe(document: &mut OperationDocument) {
        document.answer::<T>(200, "OK");
        document.answer_header(200, "ETag", "Version, in quotes");
        document.conditional_read();
    }
}

/// 201 if it was not there before, else 200.
#[derive(Clone, Debug)]
pub enum Upserted<T> {
    Created(T),
    Changed(T),
}

impl<T: Representation + Clone> Answer for Upserted<T> {
    fn render(&self) -> Result<Rendered> {
        match self {
            Upserted::Created(thing) => Created(thing.clone()).render(),
            Upserted::Changed(thing) => Versioned(thing.clone()).render(),
        }
    }
}

impl<T: Representation> Describe for Upserted<T> {
    fn describe(document: &mut OperationDocument) {
        Created::<T>::describe(document);
        document.answer::<T>(200, "OK");
        document.answer_header(200, "ETag", "Version, in quotes");
    }
}

/// 200 without a version.
#[derive(Clone, Debug)]
pub struct Plain<T>(pub T);

impl<T: Serialize + ToSchema> Answer for Plain<T> {
    fn render(&self) -> Result<Rendered> {
        let body = json(&self.0)?;
        Ok(Rendered::of(StatusCode::OK, body))
    }
}

impl<T: Serialize + ToSchema> Describe for Plain<T> {
    fn describe(document: &mut OperationDocument) {
        document.answer::<T>(200, "OK");
    }
}

/// 200 with a page: `{items, nextCursor}`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// Null on the last page.
    pub next_cursor: Option<String>,
}

impl<T: Serialize + ToSchema> Answer for Listed<T> {
    fn render(&self) -> Result<Rendered> {
        let body = json(self)?;
        Ok(Rendered::of(StatusCode::OK, body))
    }
}

impl<T: Serialize + ToSchema> Describe for Listed<T> {
    fn describe(document: &mut OperationDocument) {
        document.answer_page::<T>();
    }
}

/// 204.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl Answer for NoContent {
    fn render(&self) -> Result<Rendered> {
        let status = StatusCode::NO_CONTENT;
        Ok(Rendered::of(status, None))
    }
}

impl Describe for NoContent {
    fn describe(document: &mut OperationDocument) {
        document.empty_answer(204, "Done");
    }
}
