//! What the emulator ignores or does not enforce, read from the templates as CloudFormation sees
//! them after the SAM transform.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Everything that is missing, with template and resource.
pub(super) fn faults(folder: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut files = vec![folder.join("template.json")];
    let services = fs::read_dir(folder.join("services")).context("no translated templates")?;
    for entry in services {
        files.push(entry.context("the translated templates cannot be listed")?.path());
    }
    files.sort();
    ensure!(files.len() > 1, "no service was translated");
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let template: Value = serde_json::from_str(&text).context("no JSON")?;
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let resources = template["Resources"].as_object().context("a template has resources")?;
        for (id, resource) in resources {
            let mut found = Findings { place: format!("{name}: {id}"), faults: &mut faults };
            check_resource(resource, &mut found);
        }
        if name == "template" {
            let mut found = Findings { place: name, faults: &mut faults };
            let stages = resources.values().filter(|one| one["Type"] == "AWS::ApiGatewayV2::Stage");
            found.unless(stages.count() == 1, "it has no stage of the API");
        }
    }
    Ok(faults)
}

struct Findings<'a> {
    place: String,
    faults: &'a mut Vec<String>,
}

impl Findings<'_> {
    fn unless(&mut self, is_fine: bool, fault: &str) {
        if !is_fine {
            self.faults.push(format!("{}: {fault}", self.place));
        }
    }
}

fn check_resource(resource: &Value, found: &mut Findings<'_>) {
    let properties = &resource["Properties"];
    match resource["Type"].as_str().unwrap_or_default() {
        "AWS::DynamoDB::Table" => check_table(resource, found),
        "AWS::IAM::Role" => check_role(properties, found),
        "AWS::Lambda::EventSourceMapping" => check_mapping(properties, found),
        "AWS::SQS::Queue" => check_queue(properties, found),
        "AWS::S3::Bucket" => check_bucket(resource, found),
        "AWS::KMS::Key" => {
            found.unless(
                resource["DeletionPolicy"] == "RetainExceptOnCreate",
                "it goes with its stack",
            );
            found.unless(resource["UpdateReplacePolicy"] == "Retain", "it goes with a replacement");
            found.unless(properties["EnableKeyRotation"] == true, "it never rotates");
        }
        "AWS::ApiGatewayV2::Stage" => {
            let throttling = &properties["DefaultRouteSettings"];
            found.unless(throttling["ThrottlingRateLimit"].is_object(), "no sustained rate");
            found.unless(throttling["ThrottlingBurstLimit"].is_object(), "no burst");
            found.unless(properties["AccessLogSettings"]["Format"].is_string(), "no access log");
        }
        "AWS::Lambda::Function" => {
            let log = &properties["LoggingConfig"]["LogGroup"];
            found.unless(log["Ref"].is_string(), "its log group is not of this template");
            found.unless(properties["Timeout"].is_u64(), "no timeout");
            found.unless(properties["Role"]["Fn::GetAtt"].is_array(), "no role of its own");
        }
        "AWS::Logs::LogGroup" => {
            found.unless(properties["RetentionInDays"].is_object(), "logs are kept for ever");
        }
        "AWS::Lambda::Permission" => {
            let by_url = properties["FunctionUrlAuthType"] == "NONE"
                || properties["InvokedViaFunctionUrl"] == true;
            let by_one = !properties["SourceArn"].is_null();
            found.unless(by_url || by_one, "anybody may invoke the function");
        }
        "AWS::SQS::QueuePolicy" => {
            for statement in statements(&properties["PolicyDocument"]) {
                let source = &statement["Condition"]["ArnEquals"]["aws:SourceArn"];
                found.unless(!source.is_null(), "open to every rule of every account");
            }
        }
        "AWS::Events::Rule" => {
            let length = properties["EventPattern"].to_string().len();
            found.unless(length < 2_048, "its pattern is too long");
        }
        "AWS::CloudWatch::Alarm" => {
            found.unless(properties["AlarmActions"].is_array(), "the alarm reaches nobody");
        }
        _ => {}
    }
}

fn check_table(resource: &Value, found: &mut Findings<'_>) {
    let properties = &resource["Properties"];
    found.unless(resource["DeletionPolicy"] == "RetainExceptOnCreate", "it goes with its stack");
    found.unless(resource["UpdateReplacePolicy"] == "Retain", "it goes with a replacement");
    let protection = json!({ "Fn::If": ["IsDisposable", false, true] });
    found.unless(properties["DeletionProtectionEnabled"] == protection, "not protected by stage");
    let recovery = &properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"];
    found.unless(*recovery == true, "no backups");
    let ttl = json!({ "AttributeName": "ttl", "Enabled": true });
    found.unless(properties["TimeToLiveSpecification"] == ttl, "nothing expires");
    found.unless(properties["BillingMode"] == "PAY_PER_REQUEST", "it costs while idle");
    let indexes = properties["GlobalSecondaryIndexes"].as_array().map_or(0, Vec::len);
    found.unless(indexes == 4, "not all four indexes from the start");
}

fn check_role(properties: &Value, found: &mut Findings<'_>) {
    let trust = statements(&properties["AssumeRolePolicyDocument"]);
    let lambda = json!({ "Service": "lambda.amazonaws.com" });
    found.unless(trust.iter().all(|one| one["Principal"] == lambda), "not for Lambda alone");
    found.unless(properties["ManagedPolicyArns"].is_null(), "a policy of somebody else");
    let policies = properties["Policies"].as_array().map(Vec::as_slice).unwrap_or_default();
    for statement in policies.iter().flat_map(|policy| statements(&policy["PolicyDocument"])) {
        let actions = strings(&statement["Action"]);
        for action in &actions {
            found.unless(!action.contains('*'), &format!("{action} is more than one right"));
            found.unless(!action.contains("Scan"), "it may scan");
        }
        for resource in strings(&statement["Resource"]) {
            // What AWS lets nobody narrow: each secret of a batch is asked for besides.
            if resource == "*" && actions == ["secretsmanager:BatchGetSecretValue"] {
                continue;
            }
            // Secrets that the service keeps for organizations, each below its own name.
            let narrow = resource.strip_suffix("/org_*/sec_*").map(|before| format!("{before}/"));
            let narrow = narrow.as_deref().or(resource.strip_suffix('*')).unwrap_or(resource);
            let is_below = ["/", "/index/", "/stream/"].iter().any(|end| narrow.ends_with(end));
            found.unless(
                !narrow.contains('*') && (narrow == resource || is_below) && !narrow.is_empty(),
                &format!("{resource} is more than one resource"),
            );
        }
        let condition = &statement["Condition"];
        if statement["Effect"] == "Deny" {
            // A request with one such key among others must not pass.
            let any = condition["ForAnyValue:StringLike"].get("dynamodb:LeadingKeys");
            found.unless(any.is_some(), "it denies what it does not name");
        }
        let leading = condition["ForAllValues:StringLike"].get("dynamodb:LeadingKeys");
        if leading.is_some() {
            // Without it a request without keys passes; with other operations it has none.
            let present = condition["Null"]["dynamodb:LeadingKeys"] == "false";
            found.unless(present, "leading keys may be absent");
            let of_items = ["GetItem", "Query", "UpdateItem", "PutItem", "DeleteItem"];
            let on_items = |action: &&str| of_items.iter().any(|name| action.ends_with(name));
            found.unless(actions.iter().all(on_items), "leading keys mean nothing to an action");
        }
    }
}

fn check_mapping(properties: &Value, found: &mut Findings<'_>) {
    let answers = &properties["FunctionResponseTypes"];
    found.unless(*answers == json!(["ReportBatchItemFailures"]), "a batch fails as a whole");
    let is_stream = !properties["StartingPosition"].is_null();
    if is_stream {
        found.unless(properties["BisectBatchOnFunctionError"] == true, "batches are not bisected");
        found.unless(properties["MaximumRetryAttempts"] == 10, "tried for ever");
        let failures = &properties["DestinationConfig"]["OnFailure"]["Destination"];
        found.unless(!failures.is_null(), "what fails is lost");
        let filters = properties["FilterCriteria"]["Filters"].as_array().map_or(0, Vec::len);
        found.unless(filters == 1, "it reads the whole stream");
    }
}

fn check_queue(properties: &Value, found: &mut Findings<'_>) {
    found.unless(properties["SqsManagedSseEnabled"] == true, "not encrypted");
    let redrive = &properties["RedrivePolicy"];
    if redrive.is_null() {
        let two_weeks = properties["MessageRetentionPeriod"] == 1_209_600;
        found.unless(two_weeks, "neither a dead-letter queue nor has it one");
    } else {
        found.unless(redrive["maxReceiveCount"] == 5, "not five deliveries");
    }
}

fn check_bucket(resource: &Value, found: &mut Findings<'_>) {
    let properties = &resource["Properties"];
    found.unless(resource["DeletionPolicy"] == "RetainExceptOnCreate", "it goes with its stack");
    found.unless(properties["BucketEncryption"].is_object(), "not encrypted");
    found.unless(properties["LifecycleConfiguration"].is_object(), "nothing expires");
    let blocks = properties["PublicAccessBlockConfiguration"].as_object();
    let is_private =
        blocks.is_some_and(|all| all.len() == 4 && all.values().all(|one| *one == true));
    found.unless(is_private, "not private");
}

fn statements(policy: &Value) -> &[Value] {
    policy["Statement"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The texts in a string or list, those within `Fn::Sub` too; other intrinsics name one thing.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members.get("Fn::Sub").map(strings).unwrap_or_default(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(resource: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        check_resource(resource, &mut Findings { place: "it".to_owned(), faults: &mut faults });
        faults
    }

    fn role(statement: Value) -> Value {
        json!({
            "Type": "AWS::IAM::Role",
            "Properties": { "Policies": [{ "PolicyDocument": { "Statement": [statement] } }] },
        })
    }

    #[test]
    fn narrow_rights_pass() {
        let index = json!({ "Fn::Sub": "${Table.Arn}/index/*" });
        let statement = json!({ "Action": ["dynamodb:Query"], "Resource": [index] });
        assert_eq!(faults_of(&role(statement)), [""; 0]);
        let sweep = json!({
            "Action": ["dynamodb:Query"],
            "Resource": { "Fn::GetAtt": ["Table", "Arn"] },
            "Condition": {
                "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["OUT#*"] },
                "Null": { "dynamodb:LeadingKeys": "false" },
            },
        });
        assert_eq!(faults_of(&role(sweep)), [""; 0]);
    }

    #[test]
    fn wide_rights_are_found() {
        let keys = json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["OUT#*"] } });
        let with_null = json!({
            "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["OUT#*"] },
            "Null": { "dynamodb:LeadingKeys": "false" },
        });
        for statement in [
            json!({ "Action": "dynamodb:Scan", "Resource": "arn:aws:dynamodb:::table/t" }),
            json!({ "Action": "dynamodb:*", "Resource": "arn:aws:dynamodb:::table/t" }),
            json!({ "Action": "s3:PutObject", "Resource": "*" }),
            json!({ "Action": "sqs:SendMessage", "Resource": { "Fn::Sub": "arn:aws:sqs:::${Prefix}-*" } }),
            json!({ "Action": "sqs:SendMessage", "Resource": { "Fn::Sub": "arn:*:sqs:::queue" } }),
            json!({ "Action": "dynamodb:Query", "Resource": "arn:aws:t", "Condition": keys }),
            json!({ "Action": "dynamodb:Describe", "Resource": "arn:aws:t", "Condition": with_null }),
        ] {
            assert_eq!(faults_of(&role(statement.clone())).len(), 1, "{statement}");
        }
    }

    #[test]
    fn a_bare_table_lacks_everything() {
        let table = json!({ "Type": "AWS::DynamoDB::Table", "Properties": {} });
        assert_eq!(faults_of(&table).len(), 7);
    }
}
