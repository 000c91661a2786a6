//! Residual filters: applied after reading, since no index serves them.

use millwright_core::Result;
use millwright_store::{Position, Query, RawItem, Store};

/// The most entries one page examines.
const MAX_EXAMINED: usize = 1_000;

/// A page of what passes `keep`. One Query. Without residual filters it reads `limit` entries; with
/// them up to 1,000, so a page may be short or empty and still have a next one.
pub async fn page<T>(
    store: &Store,
    query: &Query,
    limit: usize,
    from: Option<&Position>,
    has_filters: bool,
    decode: impl Fn(&RawItem) -> Result<T>,
    keep: impl Fn(&T) -> bool,
) -> Result<(Vec<T>, Option<Position>)> {
    let examined = if has_filters { MAX_EXAMINED } else { limit };
    let page = store.page(query, examined, from).await?;
    let mut kept = Vec::new();
    for item in &page.items {
        let decoded = decode(item)?;
        if !keep(&decoded) {
            continue;
        }
        kept.push(decoded);
        if kept.len() == limit && has_filters {
            return Ok((kept, Some(item.position(query.used_index()))));
        }
    }
    Ok((kept, page.next))
}
