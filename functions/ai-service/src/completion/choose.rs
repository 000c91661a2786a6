//! Where a request goes, and what it may cost there at most.

use std::collections::BTreeSet;

use millwright_model::{Capability, Code, Request, SurfaceError};

use super::{Asked, Extension};
use crate::domain::{BudgetPhase, Candidate, Facts, Route, RouteFailure, Settings};

/// What the request is to be routed by.
pub(super) fn facts(
    asked: &Asked,
    request: &Request,
    extension: &Extension,
    input_tokens: u64,
    budget_phase: Option<BudgetPhase>,
) -> Facts {
    let mut needs = request.needs();
    if !matches!(request.model.as_str(), "" | Settings::AUTO) {
        // Who names a model gets it as long as nothing is lost that matters; a schema also comes by
        // a forced tool.
        needs.retain(|need| {
            matches!(need, Capability::Chat | Capability::Tools | Capability::Vision)
        });
    }
    Facts {
        model: request.model.clone(),
        task_type: extension.task_type,
        input_tokens,
        max_output_tokens: request.max_output_tokens,
        needs,
        tags: extension.tags(),
        project_id: extension.project_id,
        user_id: asked.user,
        role_ids: asked.role.into_iter().collect(),
        budget_phase,
        without_fallback: extension.fallback == Some(false),
    }
}

/// A route that leads somewhere.
pub(super) fn found<'c>(
    route: Route<'c>,
    request: &Request,
    tokens: u64,
) -> Result<Route<'c>, SurfaceError> {
    let Some(failure) = route.failure else {
        // Of one model the fault is the client's to know, before anybody is asked.
        if let [only] = route.candidates.as_slice() {
            request.fits(&only.model.capabilities())?;
        }
        return Ok(route);
    };
    let (code, message, param) = match failure {
        RouteFailure::ModelNotFound => {
            let message = format!("there is no model {:?}, or you may not use it", request.model);
            (Code::ModelNotFound, message, "model")
        }
        RouteFailure::CapabilityMissing => {
            let lacks = route.skipped.iter().flat_map(|skipped| &skipped.lacks);
            let lacks: BTreeSet<&str> = lacks.map(|it| it.as_str()).collect();
            let lacks: Vec<&str> = lacks.into_iter().collect();
            let message = format!("no model of the route can do this: {}", lacks.join(", "));
            (Code::CapabilityMissing, message, "model")
        }
        RouteFailure::ContextLengthExceeded => {
            let message =
                format!("the input has about {tokens} tokens, more than the model's window");
            (Code::ContextLengthExceeded, message, "messages")
        }
        RouteFailure::ModelPriceUnknown => {
            let message = "the model's prices are unknown, and the organization requires them";
            (Code::ModelPriceUnknown, message.to_owned(), "model")
        }
    };
    Err(SurfaceError { code, message, param: Some(param.to_owned()) })
}

/// What a fault list and the words around it may have, in tokens.
const FAULT_TOKENS: u64 = 1_000;

/// Micro-dollars of the dearest model, every repair included: each has the answer before it and its
/// faults as further input.
pub(super) fn worst_case(
    route: &Route<'_>,
    request: &Request,
    input_estimate: u64,
    repairs: u32,
) -> u64 {
    let of = |candidate: &Candidate<'_>| {
        let prices = candidate.model.prices()?;
        let most = candidate.model.max_output_tokens();
        let output = request.max_output_tokens.map_or(most, |asked| asked.min(most));
        let mut micros: u64 = 0;
        for repair in 0..=u64::from(repairs) {
            let input = input_estimate
                .saturating_add(output.saturating_add(FAULT_TOKENS).saturating_mul(repair));
            let one = prices.worst_case_micros(input, request.max_output_tokens, most, request.n);
            micros = micros.saturating_add(one);
        }
        Some(micros)
    };
    route.candidates.iter().filter_map(of).max().unwrap_or(0)
}
