//! One way to declare the events of a service.

/// Declares the events of a service, and `EVENTS`, the list of them for its manifest.
///
/// An event carries either a struct that several events share, with an example as JSON, or fields
/// of its own, each with an example. `about` names the field that holds the id of its subject. What
/// happens to people rather than in an organization is `of person`. `further` lists events that
/// are declared elsewhere. Examples that do not fit their struct fail the test
/// `every_event_has_an_example_that_can_be_read`, which the macro brings along.
///
/// ```
/// # use millwright_core::UserId;
/// # use serde::{Deserialize, Serialize};
/// # use serde_json::json;
/// /// What happened to a note.
/// #[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
/// #[serde(rename_all = "camelCase")]
/// pub struct NoteData {
///     pub note_id: String,
/// }
///
/// millwright_event::events! {
///     service: "notes";
///     further: [];
///
///     /// Somebody wrote a note.
///     NoteCreated(NoteData) = "notes.note.created", about note_id, json!({ "noteId": "note_1" });
///     /// Somebody was mentioned in a note.
///     PersonMentioned {
///         note_id: String = "note_1".to_owned(),
///         user_id: String = "usr_1".to_owned(),
///     } = "notes.person.mentioned", of person, about user_id;
/// }
/// assert_eq!(EVENTS.len(), 2);
/// ```
#[macro_export]
macro_rules! events {
    (
        service: $service:literal;
        further: [$($further:expr),* $(,)?];
        $(
            $(#[$doc:meta])*
            $name:ident $(($data:ty))? $({ $($fields:tt)* })? = $kind:literal,
                $(of $whose:ident,)? about $subject:ident $(, $example:expr)?;
        )+
    ) => {
        $(
            $crate::events!(@declare
                [$(#[$doc])*] $name $(($data))? $({ $($fields)* })?,
                $service, $kind, [$($whose)?], $subject $(, $example)?
            );
        )+

        /// Every event of the service.
        pub const EVENTS: &[$crate::EventType] = &[
            $($crate::EventType::of::<$name>(),)+
            $($further,)*
        ];

        #[cfg(test)]
        #[test]
        fn every_event_has_an_example_that_can_be_read() {
            for event in EVENTS {
                let (data, subject) = (event.example)();
                assert!(data.is_object() && !subject.is_empty(), "{event:?}");
            }
        }
    };

    (@declare
        [$($doc:tt)*] $name:ident($data:ty),
        $service:literal, $kind:literal, [$($whose:ident)?], $subject:ident, $example:expr
    ) => {
        $($doc)*
        #[derive(Clone, Debug, ::serde::Serialize, ::serde::Deserialize, ::utoipa::ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub $data);

        impl $crate::Event for $name {
            const TYPE: &'static str = $kind;
            const SERVICE: &'static str = $service;
            const IN_ORGANIZATION: bool = $crate::events!(@whose $($whose)?);

            fn subject(&self) -> String {
                self.0.$subject.to_string()
            }

            fn example() -> Self {
                match ::serde_json::from_value($example) {
                    Ok(example) => example,
                    Err(error) => unreachable!("{}: {error}", $kind),
                }
            }
        }
    };

    (@declare
        [$($doc:tt)*] $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $of:ty = $example:expr),+ $(,)?
        },
        $service:literal, $kind:literal, [$($whose:ident)?], $subject:ident
    ) => {
        $($doc)*
        #[derive(Clone, Debug, ::serde::Serialize, ::serde::Deserialize, ::utoipa::ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $of,)+
        }

        impl $crate::Event for $name {
            const TYPE: &'static str = $kind;
            const SERVICE: &'static str = $service;
            const IN_ORGANIZATION: bool = $crate::events!(@whose $($whose)?);

            fn subject(&self) -> String {
                self.$subject.to_string()
            }

            fn example() -> Self {
                $name { $($field: $example,)+ }
            }
        }
    };

    (@whose) => { true };
    (@whose person) => { false };
}
