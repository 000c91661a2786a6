//! The permissions of planning. The roles are those of specs/planning.md section 20.

millwright_identity::permissions! {
    /// Read projects and their summaries
    ProjectRead = "planning.project.read" [Owner Admin Member Viewer];
    /// Create projects
    ProjectCreate = "planning.project.create" [Owner Admin Member];
    /// Change, archive and unarchive projects
    ProjectUpdate = "planning.project.update" [Owner Admin Member];
    /// Delete archived projects and restore them
    ProjectDelete = "planning.project.delete" [Owner Admin];
    /// Read tasks, their comments and history
    TaskRead = "planning.task.read" [Owner Admin Member Viewer];
    /// Create tasks
    TaskCreate = "planning.task.create" [Owner Admin Member];
    /// Change tasks and their state
    TaskUpdate = "planning.task.update" [Owner Admin Member];
    /// Delete and restore tasks
    TaskDelete = "planning.task.delete" [Owner Admin];
    /// Import tasks from files
    TaskImport = "planning.task.import" [Owner Admin Member];
    /// Write comments and change one's own
    CommentCreate = "planning.comment.create" [Owner Admin Member];
    /// Delete comments of others
    CommentDelete = "planning.comment.delete" [Owner Admin];
    /// Read jobs, their rows and results
    JobRead = "planning.job.read" [Owner Admin Member Viewer];
    /// Send files for jobs, and cancel one's own jobs
    JobCreate = "planning.job.create" [Owner Admin Member];
    /// Cancel jobs of others
    JobDelete = "planning.job.delete" [Owner Admin];
}
