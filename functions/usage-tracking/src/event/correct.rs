//! Mending what was counted.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Entries, Error, Fault, FaultCode, Faults, ProjectId, Result, TeamId, Timestamp, UserId,
};
use millwright_http::{Allowed, Answered, Created, Submission};
use millwright_store::{Condition, Contention, Update, schema::TTL};
use utoipa::ToSchema;

use super::{list::EventView, take::organization, void::mended};
use crate::{
    app::{Defined, Usage},
    codes,
    domain::{
        Attribution, COST, COUNT, Category, CategoryCode, Cost, CostSource, Labels, OTHER,
        Quantity, ReasonText, Window, usage_event_id,
    },
    events::CorrectionCreated,
    ingest::{Summed, prepare_correction},
    permissions::EventVoid,
    query::{Question, ask},
    store::{
        Combination, EventItem, EventKind, EventState, EventSummary, KEPT, MINUTES,
        corrections_of_day, day_of,
    },
};

/// What was counted too much (negative) or too little.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "categoryCode": "build.minutes", "time": "2026-11-23T01:04:00Z",
    "quantities": { "count": 0, "seconds": "12.5" }, "reason": "The runner lost a minute",
}))]
pub struct CorrectionIn {
    category_code: CategoryCode,
    /// Not older than 35 days.
    time: Timestamp,
    /// By measure, `count` included; signed.
    #[schema(value_type = BTreeMap<String, String>)]
    quantities: Entries<Quantity>,
    #[deserr(default)]
    #[schema(required = false)]
    cost_micros: i64,
    #[deserr(default)]
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    dimensions: Entries<String>,
    #[deserr(default)]
    #[schema(required = false)]
    user_id: Option<UserId>,
    #[deserr(default)]
    #[schema(required = false)]
    team_id: Option<TeamId>,
    #[deserr(default)]
    #[schema(required = false)]
    project_id: Option<ProjectId>,
    reason: ReasonText,
}

fn check(input: &CorrectionIn, category: &Category) -> Result<()> {
    let mut faults = Faults::default();
    for name in input.quantities.keys() {
        if name == COST || !category.has_measure(name) {
            let fault =
                Fault::new(format!("/quantities/{name}"), FaultCode::NotAllowed, "no measure");
            faults.0.push(fault);
        }
    }
    for (name, value) in &input.dimensions.0 {
        let pointer = format!("/dimensions/{name}");
        if !category.has_dimension(name) {
            faults.0.push(Fault::new(pointer, FaultCode::NotAllowed, "no dimension"));
        } else if value.chars().count() > crate::domain::MAX_VALUE {
            faults.0.push(Fault::new(pointer, FaultCode::TooLong, "at most 64 characters"));
        }
    }
    if input.quantities.is_empty() && input.cost_micros == 0 {
        faults.0.push(Fault::new("/quantities", FaultCode::Required, "nothing to correct"));
    }
    if faults.0.is_empty() { Ok(()) } else { Err(faults.into()) }
}

/// The UTC day must keep at least nothing of every measure.
async fn check_remains(
    usage: &Usage,
    defined: &Defined,
    tenant: &millwright_core::Tenant,
    item: &EventItem,
) -> Result<()> {
    const DAY: i64 = 24 * 3_600 * 1_000;
    let midnight = item.summary.time.as_millisecond().div_euclid(DAY) * DAY;
    let window = Window {
        start: Timestamp::from_millisecond(midnight),
        end: Timestamp::from_millisecond(midnight + DAY),
    };
    let question = Question::of_organization(&item.summary.category_code, window);
    let rows = ask(usage, tenant, defined, &question).await?;
    let counted =
        |measure: &str| rows.iter().filter_map(|row| row.sums.get(measure)).copied().sum::<i128>();
    let exceeds = |measure: &str, more: i128| more < 0 && counted(measure) + more < 0;
    let too_much = item.counted.iter().any(|(name, it)| exceeds(name, it.nano()))
        || exceeds(COST, item.cost.pico());
    match too_much {
        true => {
            let detail = "that day of the category would fall below zero";
            Err(Error::new(codes::CORRECTION_EXCEEDS_USAGE, detail))
        }
        false => Ok(()),
    }
}

/// Correct what was counted
///
/// Adds signed quantities as an event would. No day of a category falls below zero by it. A query
/// for the day and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/corrections", tag = "Events")]
pub async fn correction_create(
    caller: Allowed<EventVoid>,
    State(usage): State<Usage>,
    submission: Submission<CorrectionIn>,
) -> Answered<Created<EventView>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let defined = usage.defined(&tenant).await?;
    let category = defined.require_category(input.category_code.as_str())?;
    check(&input, category)?;
    let now = usage.store.clock().now();
    crate::ingest::check_time(input.time, now).map_err(|it| Error::new(it.code, it.detail))?;
    let mut counted = input.quantities.0.clone();
    counted.entry(COUNT.to_owned()).or_insert(Quantity::ZERO);
    let mut dimensions = input.dimensions.0.clone();
    for dimension in &category.dimensions.0 {
        dimensions.entry(dimension.name.to_string()).or_default();
    }
    // Only what has counters of its own can be mended there.
    if !dimensions.is_empty() {
        let combination = Combination {
            category: category.code.to_string(),
            day: input.time,
            dimensions: dimensions.clone(),
        };
        let place = millwright_store::Item::key(&combination, &tenant);
        if usage.store.get_raw(&place).await?.is_none() {
            dimensions.values_mut().for_each(|value| *value = OTHER.to_owned());
        }
    }
    let source = "urn:millwright:usage:correction".to_owned();
    let event_id = usage.store.ids().next_uuid().to_string();
    let id = usage_event_id(organization(&caller)?, &source, &event_id);
    let quantities = counted.iter().filter(|(name, _)| *name != COUNT);
    let quantities = quantities.map(|(name, it)| (name.clone(), *it)).collect();
    let Attribution { user_id, team_id, project_id, subject } = Attribution {
        user_id: input.user_id,
        team_id: input.team_id,
        project_id: input.project_id,
        subject: None,
    };
    let cost = Cost::from_micros(input.cost_micros);
    let item = EventItem {
        version: 1,
        summary: EventSummary {
            id,
            event_id,
            source,
            event_type: "usage.correction".to_owned(),
            kind: EventKind::Correction,
            state: EventState::Counted,
            time: input.time,
            received_at: now,
            user_id,
            team_id,
            project_id,
            subject,
            reservation_id: None,
            category_code: category.code.to_string(),
            quantities,
            dimensions,
            cost_micros: input.cost_micros,
            cost_source: CostSource::None,
            price_ids: Vec::new(),
            voided_at: None,
            voided_by: None,
            void_reason: None,
            version: 1,
        },
        data: "{}".to_owned(),
        extensions: Labels::new(),
        fingerprint: String::new(),
        cost,
        counted,
        carried: Vec::new(),
        touches: Vec::new(),
        by_minute: now.since(input.time) < MINUTES,
        counted_at: now,
    };
    let prepared = prepare_correction(&defined, category, item)?;
    usage.take_down_days(&tenant, &defined.settings().time_zone, now).await?;
    // Those of one day are made one after the other: each is checked against what is there.
    let place = corrections_of_day(&tenant, category.code.as_str(), &day_of(input.time));
    let attempt = || async {
        let before = usage.store.get_raw(&place).await?;
        let made = before.and_then(|it| it.number("corrections")).unwrap_or(0);
        check_remains(&usage, &defined, &tenant, &prepared.item).await?;
        let mut write = submission.write(&usage.store, &caller);
        write.put_when(&prepared.item, Condition::absent());
        let unchanged = Condition::default().equals("corrections", made);
        let unchanged = match made {
            0 => unchanged.or_attribute_absent("corrections"),
            _ => unchanged,
        };
        let expires = now.plus(KEPT).as_second();
        let update =
            Update::when(unchanged).add("corrections", 1).set_number(TTL, i128::from(expires));
        let step = write.update(&place, &update);
        write.refused_as(step, Error::lost_race());
        let mut summed = Summed::at(now);
        summed.add(&prepared.item, 1);
        summed.write(&mut write, 0);
        write.emit(&CorrectionCreated(mended(&prepared.item, input.reason.as_str())))?;
        write.commit(Created(EventView::of(prepared.item.clone())?)).await
    };
    Ok(Contention::new(&usage.store).settle(&usage.store, attempt).await?)
}
