//! The problem codes of usage-tracking, beside the shared ones.

millwright_core::codes! {
    TITLE_TAKEN = Conflict "title_taken" "The title is taken";
}
