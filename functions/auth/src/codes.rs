//! The problem codes of auth, beside the shared ones.

millwright_core::codes! {
    TITLE_TAKEN = Conflict "title_taken" "The title is taken";
}
