//! Who may do what with a secret (rule 1).

use millwright_core::{ProjectId, TeamId, UserId, wire_enum};
use millwright_identity::SystemRole;

use super::Place;

wire_enum! {
    /// What somebody may do with a secret. All but `grant` imply `use`.
    pub enum Right {
        Use = "use",
        Read = "read",
        Update = "update",
        Delete = "delete",
        Grant = "grant",
    }
}

/// A set of rights, and whether the metadata may be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    bits: u8,
    metadata: bool,
}

impl Rights {
    pub const NONE: Rights = Rights { bits: 0, metadata: false };
    /// To see that it is there, and what it is called.
    pub const METADATA: Rights = Rights { bits: 0, metadata: true };

    pub fn all() -> Rights {
        Rights::of(Right::ALL)
    }

    /// These, what they imply, and the metadata.
    pub fn of(rights: &[Right]) -> Rights {
        let bit = |right: &Right| match right {
            Right::Use => 1,
            Right::Read => 2 | 1,
            Right::Update => 4 | 1,
            Right::Delete => 8 | 1,
            Right::Grant => 16,
        };
        Rights { bits: rights.iter().fold(0, |bits, right| bits | bit(right)), metadata: true }
    }

    #[must_use]
    pub fn and(self, other: Rights) -> Rights {
        Rights { bits: self.bits | other.bits, metadata: self.metadata || other.metadata }
    }

    pub fn has(self, right: Right) -> bool {
        let wanted = match right {
            Right::Use => 1,
            Right::Read => 2,
            Right::Update => 4,
            Right::Delete => 8,
            Right::Grant => 16,
        };
        self.bits & wanted != 0
    }

    pub fn sees_metadata(self) -> bool {
        self.metadata
    }

    pub fn list(self) -> Vec<Right> {
        Right::ALL.iter().copied().filter(|right| self.has(*right)).collect()
    }
}

/// A team of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TeamSeat {
    pub team: TeamId,
    pub leads: bool,
}

/// The teams of somebody, and the tree they are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Teams {
    pub seats: Vec<TeamSeat>,
    /// Every team of the organization, with the one above it.
    pub above: Vec<(TeamId, Option<TeamId>)>,
}

impl Teams {
    /// From a team up to the root, itself first.
    fn line(&self, team: TeamId) -> Vec<TeamId> {
        let mut line = vec![team];
        // Trees are at most five deep; more is a loop that somebody else must mend.
        while line.len() < 10 {
            let last = line.last().copied().unwrap_or(team);
            let parent = self.above.iter().find(|(id, _)| *id == last).and_then(|(_, up)| *up);
            match parent {
                Some(parent) => line.push(parent),
                None => break,
            }
        }
        line
    }

    /// A member of the team or of one below it: whom a grant to the team covers.
    pub fn covers(&self, team: TeamId) -> bool {
        self.seats.iter().any(|seat| self.line(seat.team).contains(&team))
    }

    /// Every team whose grants reach somebody.
    pub fn reaching(&self) -> Vec<TeamId> {
        let mut all: Vec<TeamId> =
            self.seats.iter().flat_map(|seat| self.line(seat.team)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn rights(&self, team: TeamId) -> Rights {
        let seat = self.seats.iter().find(|seat| seat.team == team);
        match seat {
            Some(seat) if seat.leads => Rights::all(),
            Some(_) => Rights::METADATA,
            None => {
                let above = self.line(team);
                let leads = |seat: &TeamSeat| seat.leads && above.contains(&seat.team);
                if self.seats.iter().any(leads) { Rights::METADATA } else { Rights::NONE }
            }
        }
    }
}

/// What is known of somebody who asks.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// None for custom roles.
    pub role: Option<SystemRole>,
    /// None for service keys: they have grants only.
    pub user: Option<UserId>,
    /// Looked up only where it matters.
    pub teams: Teams,
    pub reads_projects: bool,
    pub updates_projects: bool,
    /// A platform operator, about what is the platform's.
    pub operates: bool,
}

impl Standing {
    pub fn is_admin(&self) -> bool {
        matches!(self.role, Some(SystemRole::Owner | SystemRole::Admin))
    }

    /// True if the teams decide about a secret of this place.
    pub fn needs_teams(&self, place: &Place) -> bool {
        self.user.is_some() && !self.is_admin() && matches!(place, Place::Team(_))
    }

    /// The rights that come of the place alone.
    pub fn rights_at(&self, place: &Place) -> Rights {
        let Some(user) = self.user else { return Rights::NONE };
        match place {
            // Never the value: its readers ask the secret store with roles of their own.
            Place::Platform if self.operates => Rights::of(&[Right::Update, Right::Delete]),
            Place::Platform => Rights::NONE,
            _ if self.operates => Rights::NONE,
            Place::User(owner) if *owner == user => Rights::all(),
            // Never the value, never grants: to clean up after somebody who has left.
            Place::User(_) if self.is_admin() => Rights::METADATA.and(Rights::delete_alone()),
            Place::User(_) => Rights::NONE,
            _ if self.is_admin() => Rights::all(),
            Place::Organization => Rights::METADATA,
            Place::Team(team) => self.teams.rights(*team),
            Place::Project(project, _) => self.rights_in(*project),
        }
    }

    /// Without restricted projects yet, the caller's own permissions decide for all of them.
    fn rights_in(&self, _project: ProjectId) -> Rights {
        match (self.updates_projects, self.reads_projects) {
            (true, _) => Rights::of(&[Right::Read, Right::Update, Right::Delete]),
            (false, true) => Rights::METADATA,
            (false, false) => Rights::NONE,
        }
    }
}

impl Rights {
    /// To delete, without what else it implies.
    fn delete_alone() -> Rights {
        Rights { bits: 8, metadata: true }
    }
}

#[cfg(test)]
mod tests {
    use millwright_core::Timestamp;

    use super::*;

    fn team(n: u8) -> TeamId {
        TeamId::derived(Timestamp::UNIX_EPOCH, &[n; 10])
    }

    fn user(n: u8) -> UserId {
        UserId::derived(Timestamp::UNIX_EPOCH, &[n; 10])
    }

    fn standing(role: SystemRole) -> Standing {
        Standing { role: Some(role), user: Some(user(1)), ..Standing::default() }
    }

    #[test]
    fn read_update_and_delete_imply_use_and_grant_does_not() {
        for right in [Right::Read, Right::Update, Right::Delete] {
            assert!(Rights::of(&[right]).has(Right::Use));
        }
        assert!(!Rights::of(&[Right::Grant]).has(Right::Use));
        assert_eq!(Rights::all().list(), Right::ALL);
    }

    #[test]
    fn the_organizations_are_for_owners_and_admins() {
        for role in [SystemRole::Owner, SystemRole::Admin] {
            assert_eq!(standing(role).rights_at(&Place::Organization), Rights::all());
        }
        let member = standing(SystemRole::Member).rights_at(&Place::Organization);
        assert_eq!(member, Rights::METADATA);
    }

    #[test]
    fn a_persons_value_is_for_nobody_else() {
        let theirs = Place::User(user(2));
        assert_eq!(standing(SystemRole::Owner).rights_at(&theirs).list(), [Right::Delete]);
        assert_eq!(standing(SystemRole::Member).rights_at(&theirs), Rights::NONE);
        let own = Place::User(user(1));
        assert_eq!(standing(SystemRole::Viewer).rights_at(&own), Rights::all());
    }

    #[test]
    fn the_platforms_are_for_operators_and_nobody_reads_them() {
        assert_eq!(standing(SystemRole::Owner).rights_at(&Place::Platform), Rights::NONE);
        let operator = Standing { operates: true, user: Some(user(1)), ..Standing::default() };
        let rights = operator.rights_at(&Place::Platform);
        assert_eq!(rights.list(), [Right::Use, Right::Update, Right::Delete]);
        for other in [Place::Organization, Place::User(user(1)), Place::Team(team(1))] {
            assert_eq!(operator.rights_at(&other), Rights::NONE);
        }
    }

    #[test]
    fn a_teams_are_for_its_lead_and_seen_by_members_and_leads_above() {
        let above = vec![(team(1), None), (team(2), Some(team(1))), (team(3), Some(team(2)))];
        let seen_by = |of: u8, leads: bool| {
            let seats = vec![TeamSeat { team: team(of), leads }];
            let teams = Teams { seats, above: above.clone() };
            Standing { teams, ..standing(SystemRole::Member) }.rights_at(&Place::Team(team(2)))
        };
        assert_eq!(seen_by(2, true), Rights::all());
        assert_eq!(seen_by(2, false), Rights::METADATA);
        assert_eq!(seen_by(1, true), Rights::METADATA);
        assert_eq!(seen_by(1, false), Rights::NONE);
        assert_eq!(seen_by(3, true), Rights::NONE);
        let seats = vec![TeamSeat { team: team(3), leads: false }];
        let teams = Teams { seats, above };
        assert!(teams.covers(team(1)) && teams.covers(team(3)));
        assert_eq!(teams.reaching(), [team(1), team(2), team(3)]);
    }

    #[test]
    fn a_projects_follow_planning() {
        let project = ProjectId::derived(Timestamp::UNIX_EPOCH, &[1; 10]);
        let place = Place::Project(project, None);
        let member = Standing {
            reads_projects: true,
            updates_projects: true,
            ..standing(SystemRole::Member)
        };
        let rights = member.rights_at(&place);
        assert!(rights.has(Right::Read) && !rights.has(Right::Grant));
        let viewer = Standing { reads_projects: true, ..standing(SystemRole::Viewer) };
        assert_eq!(viewer.rights_at(&place), Rights::METADATA);
        assert_eq!(standing(SystemRole::Viewer).rights_at(&place), Rights::NONE);
    }
}
