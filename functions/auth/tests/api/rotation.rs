//! The rotation of keys, killed wherever it may be.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use auth::{
    domain::KeyStep,
    rotation::{KeyStages, Rotated, Rotation},
    secret::Secret,
    secrets::{REFRESH, SIGNING, Stage, StoredKeys},
};
use futures::future::BoxFuture;
use millwright_core::{Clock, Error, IdGenerator, Result, UserId};
use millwright_identity::{
    JwkSet, KeyCache, KeySource, NoApiKeys, NoRevocations, Verifier, VerifierParts,
    issuer::{Grant, Issuer},
};
use millwright_testkit::beginning;

/// Secrets Manager, which dies after so many writes.
#[derive(Default)]
struct Stages {
    published: Mutex<Option<StoredKeys>>,
    versions: Mutex<BTreeMap<(String, String), Secret>>,
    stages: Mutex<BTreeMap<String, BTreeMap<Stage, String>>>,
    writes_left: AtomicUsize,
}

impl Stages {
    fn living() -> Stages {
        Stages { writes_left: AtomicUsize::new(usize::MAX), ..Stages::default() }
    }

    fn write(&self) -> Result<()> {
        let left =
            self.writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        left.map(drop).map_err(|_| Error::unavailable("killed"))
    }

    fn at(&self, name: &str, stage: Stage) -> Option<String> {
        self.stages.lock().unwrap().get(name).and_then(|it| it.get(&stage).cloned())
    }

    /// Whatever signs now is published, and its private part is there.
    fn check(&self) {
        let Some(kid) = self.at(SIGNING, Stage::Current) else { return };
        assert!(self.versions.lock().unwrap().contains_key(&(SIGNING.to_owned(), kid.clone())));
        let published = self.published.lock().unwrap().clone();
        // Before the very first set nothing can be verified, and nothing was issued.
        let Some(published) = published else { return };
        assert!(published.keys.iter().any(|key| key.kid == kid), "{kid} is not published");
    }
}

impl KeyStages for Stages {
    fn published(&self) -> BoxFuture<'_, Result<Option<StoredKeys>>> {
        Box::pin(async { Ok(self.published.lock().unwrap().clone()) })
    }

    fn publish<'a>(&'a self, keys: &'a StoredKeys) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            self.write()?;
            *self.published.lock().unwrap() = Some(keys.clone());
            self.check();
            Ok(())
        })
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        version: &'a str,
        secret: &'a Secret,
        stage: Stage,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.write()?;
            let place = (name.to_owned(), version.to_owned());
            self.versions.lock().unwrap().insert(place, secret.clone());
            let mut stages = self.stages.lock().unwrap();
            stages.entry(name.to_owned()).or_default().insert(stage, version.to_owned());
            drop(stages);
            self.check();
            Ok(())
        })
    }

    fn stages<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<BTreeMap<Stage, String>>> {
        let found = self.stages.lock().unwrap().get(name).cloned().unwrap_or_default();
        Box::pin(async { Ok(found) })
    }

    fn move_stage<'a>(
        &'a self,
        name: &'a str,
        stage: Stage,
        to: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.write()?;
            let mut all = self.stages.lock().unwrap();
            let stages = all.entry(name.to_owned()).or_default();
            match to {
                Some(version) => stages.insert(stage, version.to_owned()),
                None => stages.remove(&stage),
            };
            drop(all);
            self.check();
            Ok(())
        })
    }
}

async fn run(stages: &Stages, clock: &Clock, compromised: bool) -> Result<Rotated> {
    let ids = IdGenerator::new(clock.clone());
    Rotation { stages, clock: clock.clone(), ids }.run(compromised).await
}

async fn until_nothing(stages: &Stages, clock: &Clock) {
    for _ in 0..10 {
        if run(stages, clock, false).await.unwrap() == Rotated::Nothing {
            return;
        }
    }
    panic!("never done");
}

#[tokio::test]
async fn keys_go_from_next_to_current_to_previous_to_nowhere() {
    let (stages, clock) = (Stages::living(), Clock::fixed(beginning()));
    assert_eq!(run(&stages, &clock, false).await.unwrap(), Rotated::Done(KeyStep::Begin));
    assert_eq!(run(&stages, &clock, false).await.unwrap(), Rotated::Done(KeyStep::Prepare));
    assert_eq!(run(&stages, &clock, false).await.unwrap(), Rotated::Nothing);
    let (first, next) = (stages.at(SIGNING, Stage::Current), stages.at(SIGNING, Stage::Next));
    assert_eq!(stages.at(REFRESH, Stage::Current), first);
    clock.advance(Duration::from_secs(30 * 24 * 3_600));
    assert_eq!(run(&stages, &clock, false).await.unwrap(), Rotated::Done(KeyStep::Promote));
    assert_eq!(stages.at(SIGNING, Stage::Current), next);
    assert_eq!(stages.at(SIGNING, Stage::Previous), first);
    assert_eq!(stages.at(SIGNING, Stage::Next), None);
    assert_eq!(stages.at(REFRESH, Stage::Previous), first);
    assert_eq!(run(&stages, &clock, false).await.unwrap(), Rotated::Done(KeyStep::Prepare));
    clock.advance(Duration::from_secs(24 * 3_600));
    assert_eq!(run(&stages, &clock, false).await.unwrap(), Rotated::Done(KeyStep::Retire));
    assert_eq!(stages.at(SIGNING, Stage::Previous), None);
    assert_eq!(stages.published.lock().unwrap().as_ref().unwrap().keys.len(), 2);
    // A leak: the current key is gone at once, tokens of sessions go on.
    let leaked = stages.at(SIGNING, Stage::Current).unwrap();
    run(&stages, &clock, true).await.unwrap();
    let published = stages.published.lock().unwrap().clone().unwrap();
    assert!(published.keys.iter().all(|key| key.kid != leaked));
    assert_eq!(published.keys.len(), 2);
    assert_eq!(stages.at(REFRESH, Stage::Previous), Some(leaked));
}

#[tokio::test]
async fn a_run_that_is_killed_anywhere_is_completed_by_the_next() {
    for writes in 0..8 {
        let (stages, clock) = (Stages::living(), Clock::fixed(beginning()));
        until_nothing(&stages, &clock).await;
        clock.advance(Duration::from_secs(30 * 24 * 3_600));
        let next = stages.at(SIGNING, Stage::Next);
        stages.writes_left.store(writes, Ordering::SeqCst);
        let killed = run(&stages, &clock, false).await;
        stages.writes_left.store(usize::MAX, Ordering::SeqCst);
        until_nothing(&stages, &clock).await;
        assert_eq!(stages.at(SIGNING, Stage::Current), next, "{writes}: {killed:?}");
        assert!(stages.at(SIGNING, Stage::Next).is_some());
        assert_eq!(stages.at(REFRESH, Stage::Current), next);
        // At its very beginning, too.
        let stages = Stages::living();
        stages.writes_left.store(writes, Ordering::SeqCst);
        let _ = run(&stages, &clock, false).await;
        stages.writes_left.store(usize::MAX, Ordering::SeqCst);
        until_nothing(&stages, &clock).await;
        let current = stages.at(SIGNING, Stage::Current);
        assert!(current.is_some() && stages.at(REFRESH, Stage::Current) == current);
    }
}

/// A set as it was read once, and how often it is asked for.
struct Fetched(JwkSet, Arc<AtomicUsize>);

impl KeySource for Fetched {
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(self.0.clone()) })
    }
}

#[tokio::test]
async fn a_token_of_the_promoted_key_is_good_with_a_set_read_before_the_promotion() {
    let (stages, clock) = (Stages::living(), Clock::fixed(beginning()));
    until_nothing(&stages, &clock).await;
    clock.advance(Duration::from_secs(30 * 24 * 3_600 - 290));
    let before = stages.published.lock().unwrap().clone().unwrap();
    let before: JwkSet = serde_json::from_value(serde_json::to_value(before).unwrap()).unwrap();
    let fetches = Arc::new(AtomicUsize::new(0));
    let source = Arc::new(Fetched(before, fetches.clone()));
    let verifier = Verifier::new(VerifierParts {
        issuer: "https://api.example.org/api/v1".to_owned(),
        audience: "millwright".to_owned(),
        keys: KeyCache::new(source, clock.clone()),
        revocations: Arc::new(NoRevocations),
        api_keys: Arc::new(NoApiKeys),
        clock: clock.clone(),
    });
    let signed = || {
        let kid = stages.at(SIGNING, Stage::Current).unwrap();
        let pem = stages.versions.lock().unwrap()[&(SIGNING.to_owned(), kid.clone())].clone();
        let (issuer, audience) = ("https://api.example.org/api/v1", "millwright");
        let issuer = Issuer::from_pem(pem.expose(), issuer, audience).unwrap();
        let user = UserId::from_uuid(uuid::Uuid::from_u128(7));
        let grant = Grant { user, organization: None, role: None, permissions: None };
        let claims = issuer.claims(&grant, clock.now(), "test");
        (kid, issuer.sign(&issuer.header(), &claims).unwrap())
    };
    let (first, token) = signed();
    verifier.verify(&token, None).await.unwrap();
    clock.advance(Duration::from_secs(290));
    assert_eq!(run(&stages, &clock, false).await.unwrap(), Rotated::Done(KeyStep::Promote));
    let (promoted, token) = signed();
    assert_ne!(promoted, first);
    verifier.verify(&token, None).await.unwrap();
    assert_eq!(fetches.load(Ordering::SeqCst), 1, "the set is the one of five minutes ago");
}
