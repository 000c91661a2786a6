//! The problem codes of ai-service, beside the shared ones.

millwright_core::codes! {
    SLUG_TAKEN = Conflict "slug_taken" "The slug is taken";
    IN_USE = Conflict "in_use" "Something uses it";
    TEMPLATE_INVALID = Invalid "template_invalid" "The template cannot be rendered";
    SCHEMA_INVALID = Invalid "schema_invalid" "The JSON Schema cannot be used";
    EGRESS_DENIED = Invalid "egress_denied" "No request goes to this address";
    SECRET_UNAVAILABLE = Conflict "secret_unavailable" "The secret cannot be used";
}
