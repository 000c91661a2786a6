//! Who may do what: 401, 403, 404, in this order, and nothing changes.

use std::collections::BTreeSet;

use millwright_identity::{Grantable, Permission, SystemRole};
use millwright_manifest::{Access, Operation};

use crate::{FOREIGN, MINE, Scene, guarded};

/// The permission that somebody's role lacks: one that no role can hold is another matter.
fn of_roles(operation: &Operation) -> Option<&'static Permission> {
    operation.permission().filter(|permission| permission.grantable == Grantable::Role)
}

/// What a denial leaves behind: its mark, and the event that announces it.
const OF_DENIALS: [&str; 2] = ["denial", "outbox"];

#[tokio::test]
async fn without_a_credential_nothing_is_answered() {
    for guarded in guarded() {
        let scene = Scene::set(guarded).await;
        let before = scene.app.database.snapshot(&[]).await;
        for operation in &scene.guarded.service.operations {
            if operation.access == Access::Public {
                continue;
            }
            let answer = scene.call(operation.name, &scene.app.stranger()).await;
            if scene.expect_problem(operation.name, &answer, 401, "unauthenticated").is_some() {
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            }
        }
        assert_eq!(scene.app.database.snapshot(&[]).await, before, "never an event for a 401");
    }
}

#[tokio::test]
async fn a_role_that_lacks_the_permission_is_denied_and_audited() {
    for guarded in guarded() {
        let scene = Scene::set(guarded).await;
        let before = scene.app.database.snapshot(&OF_DENIALS).await;
        let said_before = scene.app.events().await.len();
        let nobody = scene.app.client_with(MINE, "nothing.at.all");
        let operations = &scene.guarded.service.operations;
        let restricted: Vec<_> = operations.iter().filter(|o| of_roles(o).is_some()).collect();
        for operation in &restricted {
            // Denied thrice, announced once.
            for _ in 0..3 {
                let answer = scene.call(operation.name, &nobody).await;
                if let Some(it) = scene.expect_problem(operation.name, &answer, 403, "forbidden") {
                    assert_eq!(it["permission"], operation.permission().unwrap().code);
                }
            }
        }
        assert_eq!(scene.app.database.snapshot(&OF_DENIALS).await, before);
        // In no order: the scene may have been set by more than one process.
        let events = scene.app.events().await;
        assert_eq!(events.len(), said_before + restricted.len());
        let denied = events.iter().filter(|event| event.kind.ends_with(".access.denied"));
        let denied: BTreeSet<&str> =
            denied.filter_map(|event| event.data["operation"].as_str()).collect();
        assert_eq!(denied, restricted.iter().map(|operation| operation.name).collect());
    }
}

#[tokio::test]
async fn denials_of_many_instances_are_announced_once_a_minute() {
    for guarded in guarded() {
        let scene = Scene::set(guarded).await;
        let mut operations = scene.guarded.service.operations.iter();
        let Some(operation) = operations.find(|o| of_roles(o).is_some()) else { continue };
        let call = &scene.calls[operation.name];
        let count = async || {
            let events = scene.app.event_types().await;
            events.iter().filter(|kind| kind.ends_with(".access.denied")).count()
        };
        for minute in 1..=2 {
            let instances: Vec<_> = (0..32).map(|_| scene.app.instance()).collect();
            let denials = instances.iter().map(|instance| async {
                call.send(&instance.client_with(MINE, "nothing.at.all")).await.expect(403);
            });
            futures::future::join_all(denials).await;
            assert_eq!(count().await, minute);
            scene.app.database.clock.advance(std::time::Duration::from_secs(60));
        }
    }
}

#[tokio::test]
async fn another_organizations_things_are_not_found() {
    for guarded in guarded() {
        let scene = Scene::set(guarded).await;
        let before = scene.app.database.snapshot(&[]).await;
        for operation in &scene.guarded.service.operations {
            if !scene.calls[operation.name].refers {
                continue;
            }
            let answer = scene.call(operation.name, &scene.app.client(FOREIGN, "owner")).await;
            scene.expect_problem(operation.name, &answer, 404, "not_found");
        }
        assert_eq!(scene.app.database.snapshot(&[]).await, before);
    }
}

#[tokio::test]
async fn a_built_in_role_is_denied_what_its_permissions_leave_out() {
    for guarded in guarded() {
        let scene = Scene::set(guarded).await;
        let before = scene.app.database.snapshot(&OF_DENIALS).await;
        for role in SystemRole::ALL {
            let client = scene.app.client(MINE, role.as_str());
            for operation in &scene.guarded.service.operations {
                let Some(permission) = of_roles(operation) else { continue };
                if permission.default_roles.contains(role) {
                    continue;
                }
                let answer = scene.call(operation.name, &client).await;
                if let Some(it) = scene.expect_problem(operation.name, &answer, 403, "forbidden") {
                    assert_eq!(it["permission"], permission.code, "{role}: {}", operation.name);
                }
            }
        }
        assert_eq!(scene.app.database.snapshot(&OF_DENIALS).await, before);
    }
}
