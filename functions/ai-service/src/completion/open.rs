//! A completion between its gates and its end.

use millwright_model::{Answer, Envelope, Request, estimate};
use tokio::time::Instant;

use super::{
    Asked, Completion, CompletionAttempt, CompletionId, Told,
    cache::Cache,
    lease::Leases,
    limits::{Rates, Subjects, Window},
    milliseconds,
    shape::Shape,
};
use crate::{
    gateway::{Attempt, Bill, Plan},
    store::CompletionItem,
};

/// A completion that is on its way.
pub(super) struct Open {
    pub asked: Asked,
    pub request: Request,
    pub completion: Completion,
    pub kept_days: u32,
    pub plan: Plan,
    /// What the cache is to do with its answer.
    pub cache: Option<Cache>,
    /// What its answer must match.
    pub shape: Option<Shape>,
    /// True once the log has it.
    pub is_logged: bool,
    pub subjects: Subjects,
    /// What it holds of those that may do so much at once.
    pub leases: Leases,
    pub windows: Vec<Window>,
    /// What they have left.
    pub rates: Rates,
    /// Tokens that the windows gave.
    pub taken: u64,
    pub begun: Instant,
    pub attempts: Vec<Attempt>,
    pub bill: Bill,
}

impl Open {
    pub fn item(&self) -> CompletionItem {
        CompletionItem {
            version: self.completion.summary.version,
            summary: self.completion.summary.clone(),
            detail: self.completion.detail.clone(),
            kept_days: self.kept_days,
        }
    }

    pub fn id(&self) -> CompletionId {
        self.completion.summary.id
    }

    /// The attempts as the log shows them.
    pub fn logged_attempts(&self) -> Vec<CompletionAttempt> {
        let logged = |attempt: &Attempt| {
            let target = self.plan.targets.get(attempt.target)?;
            Some(CompletionAttempt {
                model_id: target.model_id,
                started_at: attempt.started_at,
                duration_ms: milliseconds(attempt.duration),
                outcome: attempt.outcome.as_str().to_owned(),
                upstream_status: attempt.upstream_status,
                error_code: attempt.error_code.map(str::to_owned),
            })
        };
        self.attempts.iter().filter_map(logged).collect()
    }

    /// Charges an answer, also one that is asked for again.
    pub fn charge(&mut self, target: usize, answer: &Answer) {
        let parts: Vec<_> = answer.choices.iter().flat_map(|it| it.parts.clone()).collect();
        let detail = &self.completion.detail;
        let estimate = match detail.repairs {
            0 => detail.input_estimate,
            _ => estimate::input_tokens(&self.request, &estimate::ByBytes),
        };
        let prices = self.plan.targets.get(target).and_then(|it| it.prices.as_ref());
        self.bill.charge(prices, answer.usage, estimate, &parts);
    }

    pub fn told(&self, target: usize, dropped: Vec<String>) -> Told {
        let address = self.plan.targets.get(target).map(|it| it.address.as_str()).unwrap_or("");
        let (provider, model) = address.split_once('/').unwrap_or(("", address));
        Told {
            id: self.id(),
            model: model.to_owned(),
            provider: provider.to_owned(),
            attempts: self.attempts.len(),
            cached: self.completion.detail.cached,
            cost_micros: None,
            dropped,
            rates: self.rates,
        }
    }

    pub fn envelope(&self, target: usize) -> Envelope {
        let model = self.plan.targets.get(target).map(|it| it.address.clone()).unwrap_or_default();
        Envelope {
            id: self.id().to_string(),
            model,
            created: self.completion.summary.created_at.as_second(),
            include_usage: self.request.include_usage,
            input_tokens: self.completion.detail.input_estimate,
        }
    }
}
