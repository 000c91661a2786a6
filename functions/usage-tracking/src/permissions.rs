//! The permissions of usage-tracking. Each comment completes "allows to …"; the roles in brackets hold it.

millwright_identity::permissions! {
    /// Read one's own usage
    ReportRead = "usage.report.read" [Owner Admin Member Viewer];
    /// Read everybody's usage
    ReportReadAll = "usage.report.read_all" [Owner Admin];
    /// Send usage events
    EventCreate = "usage.event.create" [Owner Admin];
    /// Read raw usage events and rejections
    EventRead = "usage.event.read" [Owner Admin];
    /// Void usage events and correct usage
    EventVoid = "usage.event.void" [Owner Admin];
    /// Read categories
    CategoryRead = "usage.category.read" [Owner Admin Member Viewer];
    /// Define categories
    CategoryManage = "usage.category.manage" [Owner Admin];
    /// Read meters
    MeterRead = "usage.meter.read" [Owner Admin Member Viewer];
    /// Define meters
    MeterManage = "usage.meter.manage" [Owner Admin];
    /// Read quotas and where they stand
    QuotaRead = "usage.quota.read" [Owner Admin Member Viewer];
    /// Define quotas and top them up
    QuotaManage = "usage.quota.manage" [Owner Admin];
    /// Read budgets and where they stand
    BudgetRead = "usage.budget.read" [Owner Admin Member Viewer];
    /// Define budgets and top them up
    BudgetManage = "usage.budget.manage" [Owner Admin];
    /// See which limits apply
    LimitRead = "usage.limit.read" [Owner Admin Member Viewer];
    /// Consume and reserve, for whomever it names
    LimitConsume = "usage.limit.consume" [];
    /// Consume and reserve for those a service works for
    LimitConsumeFor = "usage.limit.consume_for" (services "ai-service" "embeddings" "execution-service" "mcp-server" "workflow");
    /// Read prices
    PriceRead = "usage.price.read" [Owner Admin];
    /// Set prices
    PriceManage = "usage.price.manage" [Owner];
    /// Read alerts
    AlertRead = "usage.alert.read" [Owner Admin];
    /// Acknowledge and resolve alerts
    AlertManage = "usage.alert.manage" [Owner Admin];
    /// Read statements
    StatementRead = "usage.statement.read" [Owner Admin];
    /// Export usage
    ExportCreate = "usage.export.create" [Owner Admin];
    /// Read metrics in the text format of Prometheus
    MetricsRead = "usage.metrics.read" [Owner Admin];
    /// Read the settings of usage
    SettingsRead = "usage.settings.read" [Owner Admin];
    /// Change the settings of usage
    SettingsManage = "usage.settings.manage" [Owner];
}
