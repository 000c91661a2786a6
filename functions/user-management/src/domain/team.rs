//! Teams, and the tree they form.

use millwright_core::{Error, Line, Result, TeamId, Text, Timestamp, UserId, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Stamp, fold};
use crate::codes;

/// 1-200 characters, unique among the teams of one parent, case-insensitive.
pub type TeamName = Line<1, 200>;
/// At most 1,000 characters.
pub type TeamDescription = Text<0, 1_000>;

/// How deep teams are nested.
pub const MAX_TEAM_DEPTH: usize = 5;

wire_enum! {
    /// What a member of a team is in it.
    pub enum TeamRole {
        Lead = "lead",
        Member = "member",
    }
}

/// A team, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    pub id: TeamId,
    pub name: TeamName,
    pub description: TeamDescription,
    /// Null at the root.
    pub parent_team_id: Option<TeamId>,
    pub external_id: Option<String>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// A member of a team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamMember {
    pub team_id: TeamId,
    pub user_id: UserId,
    pub role: TeamRole,
    pub added_at: Timestamp,
    pub added_by: String,
    pub version: u64,
}

impl Team {
    /// The next version. Times never run backwards.
    #[must_use]
    pub fn stamped(mut self, stamp: Stamp) -> Team {
        self.version += 1;
        self.updated_at = stamp.at.max(self.updated_at);
        self.updated_by = stamp.by;
        self
    }

    /// As it is sorted, and compared with its siblings.
    pub fn folded_name(&self) -> String {
        fold(self.name.as_str())
    }
}

/// All teams of an organization: at most 200.
#[derive(Clone, Debug, Default)]
pub struct Forest {
    pub teams: Vec<Team>,
    /// Rises with every change of the tree.
    pub version: u64,
}

impl Forest {
    pub fn find(&self, id: TeamId) -> Option<&Team> {
        self.teams.iter().find(|team| team.id == id)
    }

    /// # Errors
    /// `not_found`.
    pub fn team(&self, id: TeamId) -> Result<&Team> {
        self.find(id).ok_or_else(|| Error::not_found("team"))
    }

    /// Those above a parent, and the parent itself: the nearest first.
    pub fn line(&self, parent: Option<TeamId>) -> Vec<TeamId> {
        let mut line = Vec::new();
        let mut next = parent;
        while let Some(team) = next.and_then(|id| self.find(id)) {
            if line.contains(&team.id) {
                break;
            }
            line.push(team.id);
            next = team.parent_team_id;
        }
        line
    }

    /// 1 at the root.
    pub fn depth(&self, team: &Team) -> usize {
        self.line(team.parent_team_id).len() + 1
    }

    pub fn has_subteams(&self, id: TeamId) -> bool {
        self.teams.iter().any(|team| team.parent_team_id == Some(id))
    }

    /// A team and all teams below it, the nearest first.
    pub fn with_subteams(&self, id: TeamId) -> Vec<TeamId> {
        let below = self.teams.iter().filter_map(|team| {
            let place = self.line(Some(team.id)).iter().position(|above| *above == id)?;
            Some((place, team.id))
        });
        let mut below: Vec<(usize, TeamId)> = below.collect();
        below.sort_unstable();
        below.into_iter().map(|(_, id)| id).collect()
    }

    /// How many levels a team and what is below it take.
    fn height(&self, id: TeamId) -> usize {
        let own = self.line(Some(id)).len();
        let below = self.teams.iter().filter_map(|team| {
            let line = self.line(Some(team.id));
            line.contains(&id).then(|| line.len() + 1 - own)
        });
        below.max().unwrap_or(1)
    }

    /// The team may stand below this parent.
    ///
    /// # Errors
    /// `not_found`, `team_cycle`, `team_too_deep`.
    pub fn check_place(&self, team: Option<TeamId>, parent: Option<TeamId>) -> Result<()> {
        let Some(parent) = parent else { return Ok(()) };
        self.team(parent)?;
        let line = self.line(Some(parent));
        if team.is_some_and(|team| line.contains(&team)) {
            return Err(Error::new(codes::TEAM_CYCLE, "the team would be below itself"));
        }
        let height = team.map_or(1, |team| self.height(team));
        if line.len() + height > MAX_TEAM_DEPTH {
            let detail = format!("teams are nested at most {MAX_TEAM_DEPTH} deep");
            return Err(Error::new(codes::TEAM_TOO_DEEP, detail).with("limit", MAX_TEAM_DEPTH));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> TeamId {
        TeamId::derived(Timestamp::UNIX_EPOCH, &[number; 10])
    }

    fn team(number: u8, parent: Option<u8>) -> Team {
        Team {
            id: id(number),
            name: "T".parse().expect("a name"),
            description: TeamDescription::default(),
            parent_team_id: parent.map(id),
            external_id: None,
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
            created_by: String::new(),
            updated_at: Timestamp::UNIX_EPOCH,
            updated_by: String::new(),
        }
    }

    #[test]
    fn five_levels_and_no_cycle() {
        // 1 > 2 > 3 > 4 > 5, and 6 > 7.
        let teams = [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(3)), (5, Some(4))];
        let mut teams: Vec<Team> = teams.iter().map(|(it, parent)| team(*it, *parent)).collect();
        teams.extend([team(6, None), team(7, Some(6))]);
        let forest = Forest { teams, version: 1 };
        assert_eq!(forest.depth(forest.team(id(5)).expect("there")), 5);
        assert_eq!(forest.with_subteams(id(3)), [id(3), id(4), id(5)]);
        assert_eq!(forest.with_subteams(id(7)), [id(7)]);
        let refusal = |moved: Option<u8>, parent: u8| {
            let checked = forest.check_place(moved.map(id), Some(id(parent)));
            checked.err().map(|error| error.code())
        };
        assert_eq!(refusal(None, 5), Some(codes::TEAM_TOO_DEEP));
        assert_eq!(refusal(None, 4), None);
        assert_eq!(refusal(Some(6), 4), Some(codes::TEAM_TOO_DEEP));
        assert_eq!(refusal(Some(6), 3), None);
        assert_eq!(refusal(Some(2), 5), Some(codes::TEAM_CYCLE));
        assert_eq!(refusal(Some(2), 2), Some(codes::TEAM_CYCLE));
    }
}
