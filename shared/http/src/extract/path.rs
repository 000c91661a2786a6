//! Path parameters.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use millwright_core::{Fault, FaultCode, Faults, InputError};
use utoipa::{PartialSchema, ToSchema};

use crate::{Describe, OperationDocument, Problem};

/// The parameters of the path in their order: one, or a tuple of two. A wrong form is 400 before
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

impl<S: Send + Sync, T: FromStr<Err = InputError>> FromRequestParts<S> for PathParameter<(T,)> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match segments(parts).await?.as_slice() {
            [(name, text)] => Ok(PathParameter((read(name, text).map_err(Faults::of)?,))),
            _ => Err(millwright_core::Error::internal("the route has not one parameter").into()),
        }
    }
}

impl<S, A, B> FromRequestParts<S> for PathParameter<(A, B)>
where
    S: Send + Sync,
    A: FromStr<Err = InputError>,
    B: FromStr<Err = InputError>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let segments = segments(parts).await?;
        let [(first_name, first), (second_name, second)] = segments.as_slice() else {
            return Err(millwright_core::Error::internal("the route has not two parameters").into());
        };
        match (read(first_name, first), read(second_name, second)) {
            (Ok(first), Ok(second)) => Ok(PathParameter((first, second))),
            (first, second) => {
                let faults = [first.err(), second.err()].into_iter().flatten().collect();
                Err(Faults(faults).into())
            }
        }
    }
}

impl<T: ToSchema> Describe for PathParameter<(T,)> {
    fn describe(document: &mut OperationDocument) {
        document.path_parameters(vec![<T as PartialSchema>::schema()]);
    }
}

impl<A: ToSchema, B: ToSchema> Describe for PathParameter<(A, B)> {
    fn describe(document: &mut OperationDocument) {
        document
            .path_parameters(vec![<A as PartialSchema>::schema(), <B as PartialSchema>::schema()]);
    }
}
