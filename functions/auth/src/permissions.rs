//! The permissions of auth. Each comment completes "allows to …"; the roles in brackets hold it.

millwright_identity::permissions! {
    /// Read sessions
    SessionRead = "auth.session.read" [Owner Admin Member Viewer];
    /// Create sessions
    SessionCreate = "auth.session.create" [Owner Admin Member];
    /// Change sessions
    SessionUpdate = "auth.session.update" [Owner Admin Member];
    /// Delete sessions
    SessionDelete = "auth.session.delete" [Owner Admin];
}
