//! Typed ids: `<prefix>_<26 characters base32 of a UUIDv7>` (TypeID), one type per noun.

use std::{
    borrow::Cow,
    fmt,
    marker::PhantomData,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::rand;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use type_safe_id::{DynamicType, TypeSafeId};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};
use uuid::{ContextV7, Uuid};

use crate::{Clock, InputError, Timestamp};

/// A kind of thing that has ids, e.g. `task` in `task_01jdz7…`.
pub trait Noun: 'static {
    /// Lower-case letters, 3-4 as a rule; part of the wire format for ever.
    const PREFIX: &'static str;
}

/// The id of one `N`. Sorts by the time it was made.
pub struct Id<N: Noun> {
    uuid: Uuid,
    noun: PhantomData<fn() -> N>,
}

/// Declares a noun and the alias of its id.
#[macro_export]
macro_rules! id {
    ($($(#[$doc:meta])* $alias:ident = $noun:ident($prefix:literal);)+) => {$(
        #[doc = concat!("The noun behind `", $prefix, "_…` ids.")]
        pub struct $noun;
        impl $crate::Noun for $noun {
            const PREFIX: &'static str = $prefix;
        }
        $(#[$doc])*
        pub type $alias = $crate::Id<$noun>;
    )+};
}

id! {
    /// An organization: the tenant.
    OrgId = Organization("org");
    /// A person.
    UserId = User("usr");
    /// A role of an organization.
    RoleId = Role("role");
    /// A signed-in session.
    SessionId = Session("ses");
    /// A personal API key.
    ApiKeyId = ApiKey("key");
    /// An API key of an organization.
    ServiceKeyId = ServiceKey("svk");
    /// A team of an organization.
    TeamId = Team("team");
    /// A planning project.
    ProjectId = Project("prj");
    /// A planning task.
    TaskId = Task("task");
}

impl<N: Noun> Id<N> {
    pub const fn from_uuid(uuid: Uuid) -> Id<N> {
        Id { uuid, noun: PhantomData }
    }

    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// An id made of a time and 74 further bits, for ids that must come out the same again.
    pub fn derived(at: Timestamp, bits: &[u8; 10]) -> Id<N> {
        Id::from_uuid(uuid_v7(at, bits))
    }
}

fn uuid_v7(at: Timestamp, bits: &[u8; 10]) -> Uuid {
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(milliseconds, bits).into_uuid()
}

impl<N: Noun> fmt::Display for Id<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DynamicType::new(N::PREFIX) {
            Ok(kind) => write!(f, "{}", TypeSafeId::from_type_and_uuid(kind, self.uuid)),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl<N: Noun> FromStr for Id<N> {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Id<N>, InputError> {
        // The library slices prefixes by bytes: it must not see what is not ASCII.
        let parsed = text.is_ascii().then(|| text.parse::<TypeSafeId<DynamicType>>());
        match parsed {
            Some(Ok(id)) if id.type_prefix() == N::PREFIX => Ok(Id::from_uuid(id.uuid())),
            _ => Err(InputError::bad_format(format!(
                "must be an id of the form {}_ and 26 base32 characters",
                N::PREFIX
            ))),
        }
    }
}

impl<N: Noun> fmt::Debug for Id<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<N: Noun> Clone for Id<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N: Noun> Copy for Id<N> {}

impl<N: Noun> PartialEq for Id<N> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<N: Noun> Eq for Id<N> {}

impl<N: Noun> PartialOrd for Id<N> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<N: Noun> Ord for Id<N> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<N: Noun> std::hash::Hash for Id<N> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<N: Noun> Serialize for Id<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, N: Noun> Deserialize<'de> for Id<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

crate::deserr_from_str!([N: Noun] Id<N>);

impl<N: Noun> PartialSchema for Id<N> {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", N::PREFIX)))
            .description(Some(format!("TypeID: `{}_` and a UUIDv7 in base32", N::PREFIX)));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl<N: Noun> ToSchema for Id<N> {
    fn name() -> Cow<'static, str> {
        format!("{}Id", N::PREFIX).into()
    }
}

/// Where fresh ids come from: the clock, a counter within the millisecond, and the system's random
/// source. Ids of one generator rise strictly (RFC 9562 section 6.2, method 1).
#[derive(Clone)]
pub struct IdGenerator {
    clock: Clock,
    random: Arc<dyn rand::SecureRandom + Send + Sync>,
    context: Arc<Mutex<ContextV7>>,
}

impl IdGenerator {
    pub fn new(clock: Clock) -> IdGenerator {
        IdGenerator {
            clock,
            random: Arc::new(rand::SystemRandom::new()),
            context: Arc::new(Mutex::new(ContextV7::new())),
        }
    }

    pub fn next<N: Noun>(&self) -> Id<N> {
        Id::from_uuid(self.next_uuid())
    }

    /// A UUIDv7, for things that are not nouns: events, claims, outbox items.
    pub fn next_uuid(&self) -> Uuid {
        let now = self.clock.now().as_millisecond();
        let seconds = u64::try_from(now.div_euclid(1_000)).unwrap_or_default();
        let nanoseconds = u32::try_from(now.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
        let context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanoseconds))
    }

    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        // The system source fails only before the kernel is seeded. Nothing may go on with bytes
        // that can be guessed.
        if self.random.fill(&mut bytes).is_err() {
            std::process::abort();
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_survives_its_text(bits in any::<u128>()) {
            let id = TaskId::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse::<TaskId>(), Ok(id));
            prop_assert_eq!(id.to_string().len(), "task_".len() + 26);
            prop_assert!(id.to_string().parse::<ProjectId>().is_err());
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<TaskId>();
        }

        #[test]
        fn ids_sort_as_their_texts(a in any::<u128>(), b in any::<u128>()) {
            let (a, b) = (TaskId::from_uuid(Uuid::from_u128(a)), TaskId::from_uuid(Uuid::from_u128(b)));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }

    #[test]
    fn fresh_ids_carry_their_time_and_differ() {
        let clock = Clock::fixed("2026-11-23T01:04:58.123Z".parse().expect("a time"));
        let ids = IdGenerator::new(clock.clone());
        let (one, two): (TaskId, TaskId) = (ids.next(), ids.next());
        assert!(one < two);
        assert_eq!(one.uuid().get_version_num(), 7);
        let (seconds, _) = one.uuid().get_timestamp().expect("v7").to_unix();
        assert_eq!(i64::try_from(seconds).expect("fits"), clock.now().as_second());
    }
}
