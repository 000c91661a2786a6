//! What DynamoDB's failures mean to a caller.

use std::fmt;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use millwright_core::Error;

/// A call that failed after the SDK's own retries. Throttling and lost connections are worth
/// another try; what DynamoDB refuses as malformed or forbidden is a fault of ours.
pub(crate) fn unavailable<E, R>(call: &str, error: &SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: fmt::Debug,
{
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    let message = format!("{call}: {}", DisplayErrorContext(error));
    match code {
        "ValidationException" | "AccessDeniedException" | "ResourceNotFoundException" => {
            Error::internal(message)
        }
        _ => Error::unavailable(message),
    }
}
