//! Who follows a thing: one item with a set of users.

use millwright_core::{Error, Tenant, UserId};
use millwright_store::{Condition, Key, RawItem, Step, Transaction, Update};

use super::Subject;

/// The most watchers of one thing.
pub const MAX_WATCHERS: u64 = 100;

pub struct Watchers;

impl Watchers {
    pub fn place(tenant: &Tenant, subject: Subject) -> Key {
        subject.partition(tenant).at("WATCHERS")
    }

    /// Sorted by id.
    pub fn read(item: Option<&RawItem>) -> Vec<UserId> {
        let texts = item.map(|item| item.texts("users")).unwrap_or_default();
        texts.into_iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// Somebody follows it from now on.
    pub fn add(transaction: &mut Transaction, subject: Subject, user: UserId) -> Step {
        let room = Condition::default().has_room_for("users", &user.to_string(), MAX_WATCHERS);
        let key = Watchers::place(transaction.tenant(), subject);
        let step = transaction.update(&key, &Update::when(room).add_to_set("users", &[user]));
        transaction.refused_as(step, Error::limit_reached("watchers", MAX_WATCHERS))
    }

    /// Whoever works on it follows it, if there is room beside those who do.
    pub fn involve(
        transaction: &mut Transaction,
        subject: Subject,
        user: UserId,
        current: &[UserId],
    ) {
        if current.contains(&user) || current.len() as u64 >= MAX_WATCHERS {
            return;
        }
        let step = Watchers::add(transaction, subject, user);
        transaction.refused_as(step, Error::lost_race());
    }

    /// The first watchers of a new thing; different ones.
    pub fn begin(transaction: &mut Transaction, subject: Subject, users: &[UserId]) {
        if users.is_empty() {
            return;
        }
        let key = Watchers::place(transaction.tenant(), subject);
        transaction.update(&key, &Update::new().add_to_set("users", users));
    }

    pub fn remove(transaction: &mut Transaction, subject: Subject, user: UserId) {
        let key = Watchers::place(transaction.tenant(), subject);
        transaction.update(&key, &Update::new().delete_from_set("users", user));
    }
}
