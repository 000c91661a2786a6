//! Items of teams.

use millwright_core::{Error, Result, TeamId, Tenant, UserId, codes as shared_codes};
use millwright_store::{
    Condition, Item, Key, Partition, Query, RawItem, Store, Transaction, Update,
};
use serde::{Deserialize, Serialize};

use crate::{
    codes,
    domain::{Forest, Team, TeamMember},
};

/// The most teams of an organization are far fewer.
const MAX_READ: usize = 1_000;
/// The most members of a team.
pub const MAX_TEAM_MEMBERS: u64 = 500;
/// The most teams of a member.
const MAX_TEAMS_OF_MEMBER: u64 = 30;

fn teams(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("TEAMS")
}

pub fn team_place(tenant: &Tenant, id: TeamId) -> Key {
    teams(tenant).at(format!("TEAM#{id}"))
}

impl Item for Team {
    const KIND: &'static str = "team";

    fn key(&self, tenant: &Tenant) -> Key {
        team_place(tenant, self.id)
    }
}

/// The version of the tree. It sorts before the teams: read first, it is never newer than they are.
fn tree_place(tenant: &Tenant) -> Key {
    teams(tenant).at("HEAD")
}

/// All teams of an organization. One Query for each megabyte of them.
pub async fn read_forest(store: &Store, tenant: &Tenant) -> Result<Forest> {
    let mut forest = Forest::default();
    for item in store.collect(&Query::partition(teams(tenant)), MAX_READ).await? {
        match item.is::<Team>() {
            true => forest.teams.push(item.decode()?),
            false => forest.version = item.number("treeVersion").unwrap_or_default(),
        }
    }
    Ok(forest)
}

/// The tree changes, and nobody else has changed it since it was read. One item; refused as a lost
/// race.
pub fn change_tree(transaction: &mut Transaction, forest: &Forest) {
    let unchanged = match forest.version {
        0 => Condition::absent(),
        version => Condition::default().equals("treeVersion", version),
    };
    let update = Update::when(unchanged).set("treeVersion", forest.version + 1);
    let key = tree_place(transaction.tenant());
    let step = transaction.update(&key, &update);
    transaction.refused_as(step, Error::lost_race());
}

/// A name is held by one of the teams of a parent at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TeamNameMarker {
    /// A team, or `root`.
    pub parent: String,
    pub folded_name: String,
    pub team_id: TeamId,
}

impl TeamNameMarker {
    pub fn of(team: &Team) -> TeamNameMarker {
        let parent = team.parent_team_id.map_or_else(|| "root".to_owned(), |id| id.to_string());
        TeamNameMarker { parent, folded_name: team.folded_name(), team_id: team.id }
    }

    /// Takes the name, if no sibling has it. One item.
    pub fn take(self, transaction: &mut Transaction) {
        let step = transaction.create(&self);
        let detail = "another team beside it has this name";
        transaction.refused_as(step, Error::new(shared_codes::NAME_TAKEN, detail));
    }
}

impl Item for TeamNameMarker {
    const KIND: &'static str = "team_name";

    fn key(&self, tenant: &Tenant) -> Key {
        let partition = Partition::of(tenant).and("TEAMNAMES").and(&self.parent);
        partition.at(&self.folded_name)
    }
}

/// The members of a team, and how many there are.
pub fn team_partition(tenant: &Tenant, team: TeamId) -> Partition {
    Partition::of(tenant).and("TEAM").and(team)
}

/// The names below a parent.
pub fn team_names_partition(tenant: &Tenant, parent: Option<TeamId>) -> Partition {
    let parent = parent.map_or_else(|| "root".to_owned(), |id| id.to_string());
    Partition::of(tenant).and("TEAMNAMES").and(parent)
}

pub fn team_member_place(tenant: &Tenant, team: TeamId, user: UserId) -> Key {
    team_partition(tenant, team).at(user)
}

/// The members of a team.
pub fn team_members(tenant: &Tenant, team: TeamId) -> Query {
    Query::partition(team_partition(tenant, team)).starting_with("usr_")
}

impl Item for TeamMember {
    const KIND: &'static str = "team_member";

    fn key(&self, tenant: &Tenant) -> Key {
        team_member_place(tenant, self.team_id, self.user_id)
    }
}

/// How many members a team has, for the limit.
pub fn team_count_place(tenant: &Tenant, team: TeamId) -> Key {
    team_partition(tenant, team).at("COUNT")
}

/// How many members a team has, of what was found there.
pub fn count_of(item: Option<&RawItem>) -> u64 {
    item.and_then(|item| item.number("count")).unwrap_or_default()
}

/// The teams of a member.
#[derive(Clone, Debug, Default)]
pub struct TeamsOfMember {
    pub teams: Vec<TeamId>,
    version: Option<u64>,
}

impl TeamsOfMember {
    pub fn place(tenant: &Tenant, user: UserId) -> Key {
        Partition::of(tenant).and("TEAMSOF").at(user)
    }

    pub fn of(item: Option<&RawItem>) -> TeamsOfMember {
        let Some(item) = item else { return TeamsOfMember::default() };
        let teams = item.texts("teams").iter().filter_map(|id| id.parse().ok()).collect();
        TeamsOfMember { teams, version: item.number("changes") }
    }

    /// One GetItem.
    pub async fn read(store: &Store, tenant: &Tenant, user: UserId) -> Result<TeamsOfMember> {
        let item = store.get_raw(&TeamsOfMember::place(tenant, user)).await?;
        Ok(TeamsOfMember::of(item.as_ref()))
    }

    /// One more, within the limits of team and member. Two items.
    pub fn add(transaction: &mut Transaction, team: TeamId, user: UserId) {
        let tenant = *transaction.tenant();
        let text = team.to_string();
        let room = Condition::default().has_room_for("teams", &text, MAX_TEAMS_OF_MEMBER);
        let update = Update::when(room).add_to_set("teams", &[text]).add("changes", 1);
        let step = transaction.update(&TeamsOfMember::place(&tenant, user), &update);
        let detail = format!("a member is in at most {MAX_TEAMS_OF_MEMBER} teams");
        let refused = Error::new(codes::TEAM_LIMIT_REACHED, detail);
        transaction.refused_as(step, refused.with("limit", MAX_TEAMS_OF_MEMBER));
        let room =
            Condition::default().less_than("count", MAX_TEAM_MEMBERS).or_attribute_absent("count");
        let update = Update::when(room).add("count", 1);
        let step = transaction.update(&team_count_place(&tenant, team), &update);
        let detail = format!("a team has at most {MAX_TEAM_MEMBERS} members");
        let refused = Error::new(codes::TEAM_MEMBER_LIMIT_REACHED, detail);
        transaction.refused_as(step, refused.with("limit", MAX_TEAM_MEMBERS));
    }

    /// Into several at once, of somebody who is in none: one item, and three for each team. Refused
    /// as a lost race: what is full or gone is left out before.
    pub fn begin(transaction: &mut Transaction, members: &[TeamMember]) {
        let (tenant, Some(first)) = (*transaction.tenant(), members.first()) else { return };
        let teams: Vec<TeamId> = members.iter().map(|member| member.team_id).collect();
        let update =
            Update::when(Condition::absent()).add_to_set("teams", &teams).add("changes", 1);
        let place = TeamsOfMember::place(&tenant, first.user_id);
        let mut steps = vec![transaction.update(&place, &update)];
        for member in members {
            steps.push(transaction.create(member));
            let there = Condition::exists();
            steps.push(transaction.check(&team_place(&tenant, member.team_id), there));
            let room = Condition::default().less_than("count", MAX_TEAM_MEMBERS);
            let update = Update::when(room.or_attribute_absent("count")).add("count", 1);
            steps.push(transaction.update(&team_count_place(&tenant, member.team_id), &update));
        }
        for step in steps {
            transaction.refused_as(step, Error::lost_race());
        }
    }

    /// One less. Two items.
    pub fn remove(transaction: &mut Transaction, team: TeamId, user: UserId) {
        let tenant = *transaction.tenant();
        let update = Update::new().delete_from_set("teams", team).add("changes", 1);
        transaction.update(&TeamsOfMember::place(&tenant, user), &update);
        transaction.update(&team_count_place(&tenant, team), &Update::new().add("count", -1));
    }

    /// Out of all of them, if they are still these: two items for each team, and one.
    pub fn leave_all(&self, transaction: &mut Transaction, user: UserId) {
        let tenant = *transaction.tenant();
        let unchanged = match self.version {
            Some(version) => Condition::default().equals("changes", version),
            None => Condition::absent(),
        };
        let step = transaction.delete_when(&TeamsOfMember::place(&tenant, user), unchanged);
        transaction.refused_as(step, Error::lost_race());
        for team in &self.teams {
            transaction.delete(&team_member_place(&tenant, *team, user));
            transaction.update(&team_count_place(&tenant, *team), &Update::new().add("count", -1));
        }
    }
}
