//! What secret-management stores, and where: the only module that names DynamoDB.
//!
//! O = `ORG#<organization>`, P = `<scope>#<id>#<environment>`.
//!
//! | pattern | key condition | index |
//! |---|---|---|
//! | secret with counts, bindings, grants | pk `O#SEC#<id>`, sk from `A` until `G~` | - |
//! | rotations of a secret | same pk, sk begins `R#` | - |
//! | versions of a secret, newest first | same pk, sk begins `V#` | - |
//! | a value | pk `O#SEC#<id>#VAL`, sk `<number>` | - |
//! | name to id, folders | pk `O#NAME#P`, sk `<name>` | - |
//! | secrets by name | pk `O#SECRETS`, sk `<name>#<id>` | gsi1 |
//! | secrets of a place by name | pk `O#SCOPE#P`, sk `<name>#<id>` | gsi3 |
//! | what a grantee can reach | pk `O#GRANTEE#<type>#<id>`, sk `<name>#<grant>` | gsi1 |
//! | bindings of a service | pk `O#BOUND#<service>`, sk `<type>#<resource>#<secret>` | gsi1 |
//! | accesses of a day | pk `O#ACC#<yyyymmdd>#<0-3>`, sk `<time>#<id>` | - |
//! | accesses of a secret | pk `O#ACC#<secret>`, sk `<time>#<id>` | gsi1 |
//! | values revealed in a minute | pk `O#RATE#<caller>`, sk `<minute>` | - |
//! | data keys | pk `O#KEY`, sk `<purpose>#<id>`; which is in force: sk `ACTIVE#<purpose>` | - |
//! | generation policies by name | pk `O#POLICIES`, sk `N#<name>`; by id: sk `P#<id>` | - |
//! | settings | pk `O#SETTINGS`, sk `S` | - |
//! | how many secrets, policies; roles that have grants | pk `O#COUNT`, sk `SECRETS`, `POLICIES`, `ROLES` | - |
//! | whether a project is there | pk `O#PROJECTS`, sk `<project>` | - |
//! | the daily look at all secrets | pk `O#POSTURE`, sk `S` | - |
//! | what is due, of all organizations | pk `DUE#<hour>#<0-7>`, sk `<time>#<org>#<kind>#<id>` | gsi2 |
//! | until where the sweep is | pk `DUE#SWEPT`, sk `HEAD` | - |
//! | values put into the secret store before their secret | pk `O#STORING`, sk `<secret>` | - |
//! | jobs | `millwright_job` | - |
//!
//! Values are written without a condition: a refused one would answer with the item. Outbox,
//! idempotency records and denial marks are those of the shared crates.

mod access;
mod count;
mod due;
mod grant;
mod key;
mod outside;
mod policy;
mod posture;
mod scope;
mod secret;
mod version;

pub use self::{
    access::*, count::*, due::*, grant::*, key::*, outside::*, policy::*, posture::*, scope::*,
    secret::*, version::*,
};
