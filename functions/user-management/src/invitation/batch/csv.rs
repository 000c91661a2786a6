//! Rows of a batch as CSV by RFC 4180: CRLF or LF; comma, semicolon or tab.

use csv::{ReaderBuilder, StringRecord};
use millwright_core::{Error, Fault, FaultCode, Faults, Result};
use serde_json::{Map, Value, json};

/// The delimiters that are looked for.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
/// The columns there are.
const COLUMNS: [&str; 4] = ["email", "role", "teamNames", "message"];
/// More rows are refused as soon as they are counted.
const ENOUGH: usize = 1_001;

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes())
}

fn fault(pointer: impl Into<String>, code: FaultCode, detail: impl Into<String>) -> Fault {
    Fault::new(pointer, code, detail.into())
}

/// The rows below the header, as the same batch in JSON has them.
///
/// # Errors
/// `invalid_request`: without a column `email`, with one that is unknown or there twice, with a
/// quote that is never closed.
pub(super) fn rows(text: &str) -> Result<Vec<Value>> {
    // Within a cell a quote is doubled, around it there are two.
    if text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        let detail = "a quote is opened and never closed";
        return Err(Faults::of(fault("", FaultCode::BadFormat, detail)).into());
    }
    let headers = DELIMITERS.map(|delimiter| {
        let mut header = StringRecord::new();
        // Only invalid UTF-8 could fail, and the text is a str.
        let _ = reader(text, delimiter).read_record(&mut header);
        (delimiter, header)
    });
    let names = |header: &StringRecord| -> Vec<String> {
        header.iter().map(|name| name.trim().to_ascii_lowercase()).collect()
    };
    let has_email = |header: &StringRecord| names(header).iter().any(|name| name == "email");
    let Some((delimiter, header)) = headers.into_iter().find(|(_, header)| has_email(header))
    else {
        let detail = "the header must have a column email";
        return Err(Faults::of(fault("", FaultCode::Required, detail)).into());
    };
    let columns = columns(&names(&header))?;
    let mut rows = Vec::new();
    let mut faults = Faults::default();
    for record in reader(text, delimiter).records().skip(1) {
        let record = record.map_err(Error::internal)?;
        // Spreadsheets write such rows below the last.
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if record.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty()) {
            let detail = format!("has more cells than the header, which has {}", columns.len());
            let pointer = format!("/rows/{}", rows.len());
            faults.0.push(fault(pointer, FaultCode::BadFormat, detail));
        }
        rows.push(row(&columns, &record));
        if rows.len() >= ENOUGH {
            break;
        }
    }
    match faults.0.is_empty() {
        true => Ok(rows),
        false => Err(faults.into()),
    }
}

/// What the columns are, in their order.
fn columns(names: &[String]) -> Result<Vec<&'static str>> {
    let mut faults = Faults::default();
    let mut columns: Vec<&'static str> = Vec::new();
    for name in names {
        match COLUMNS.into_iter().find(|known| known.eq_ignore_ascii_case(name)) {
            Some(known) if columns.contains(&known) => {
                let detail = format!("the column {known} is there twice");
                faults.0.push(fault("", FaultCode::Duplicate, detail));
            }
            Some(known) => columns.push(known),
            None => {
                let name: String = name.chars().take(50).collect();
                let detail =
                    format!("the column {name:?} is not known; known: {}", COLUMNS.join(", "));
                faults.0.push(fault("", FaultCode::UnknownField, detail));
            }
        }
    }
    match faults.0.is_empty() {
        true => Ok(columns),
        false => Err(faults.into()),
    }
}

/// A cell that is blank is not there; but for the address, which must be.
fn row(columns: &[&'static str], record: &StringRecord) -> Value {
    let mut row = Map::new();
    row.insert("email".to_owned(), json!(""));
    for (name, cell) in columns.iter().zip(record.iter()) {
        let cell = cell.trim();
        if cell.is_empty() {
            continue;
        }
        let value = match *name {
            "teamNames" => {
                let names = cell.split(';').map(str::trim).filter(|name| !name.is_empty());
                json!(names.collect::<Vec<_>>())
            }
            _ => json!(cell.replace("\r\n", "\n")),
        };
        row.insert((*name).to_owned(), value);
    }
    Value::Object(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Vec<FaultCode> {
        rows(text).expect_err("refused").faults().iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn quoted_commas_line_ends_and_other_delimiters() {
        let text = "Email,message,TEAMNAMES\r\na@example.com,\"Hi, \"\"Ada\"\"\r\nthere\",\"x; y\"\r\n,,\r\nb@example.com\r\n";
        let both = json!([
            { "email": "a@example.com", "message": "Hi, \"Ada\"\nthere", "teamNames": ["x", "y"] },
            { "email": "b@example.com" },
        ]);
        assert_eq!(json!(rows(text).expect("two rows")), both);
        let text = "role;email\nadmin;a@example.com\n;\n";
        let one = json!([{ "email": "a@example.com", "role": "admin" }]);
        assert_eq!(json!(rows(text).expect("a row")), one);
        assert_eq!(rows("email\n").expect("no row").len(), 0);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(refused(""), [FaultCode::Required]);
        assert_eq!(refused("address\na@example.com\n"), [FaultCode::Required]);
        assert_eq!(refused("email,EMAIL,x\n"), [FaultCode::Duplicate, FaultCode::UnknownField]);
        assert_eq!(refused("email\n\"a@example.com\n"), [FaultCode::BadFormat]);
        assert_eq!(refused("email\na,b\nc,d\n"), [FaultCode::BadFormat, FaultCode::BadFormat]);
    }
}
