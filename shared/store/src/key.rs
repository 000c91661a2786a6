//! Keys, and why none can be made without a tenant.

use std::fmt::{self, Display, Write};

use millwright_core::Tenant;

/// The partition key of items of one tenant: `ORG#<organization>`, `USER#<user>` or `INSTALLATION`,
/// and what follows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(String);

impl Partition {
    /// `ORG#<organization>`, `USER#<user>` or `INSTALLATION`.
    pub fn of(tenant: &Tenant) -> Partition {
        Partition(match (tenant.organization(), tenant.user()) {
            (Some(organization), _) => format!("ORG#{organization}"),
            (None, Some(user)) => format!("USER#{user}"),
            (None, None) => "INSTALLATION".to_owned(),
        })
    }

    /// Appends `#<segment>`.
    #[must_use]
    pub fn and(mut self, segment: impl Display) -> Partition {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "#{segment}");
        self
    }

    /// A partition outside every tenant.
    pub fn global(partition: &impl GlobalPartition) -> Partition {
        Partition(partition.partition())
    }

    /// The key of one item of the partition.
    pub fn at(self, sort_key: impl Display) -> Key {
        Key { partition: self, sort_key: sort_key.to_string() }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Data that belongs to no tenant, such as look-ups of who that is. Implementing it is the
/// exception: find them all by name.
pub trait GlobalPartition {
    /// Must not begin with `ORG#`, `USER#` or `INSTALLATION`.
    fn partition(&self) -> String;
}

/// The primary key of one item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub(crate) partition: Partition,
    pub(crate) sort_key: String,
}

impl Key {
    pub fn partition(&self) -> &str {
        self.partition.as_str()
    }

    pub fn sort_key(&self) -> &str {
        &self.sort_key
    }
}
