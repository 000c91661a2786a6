//! Uploads and downloads by people without credentials.

use std::{collections::BTreeMap, time::Duration};

use millwright_files::Promise;
use millwright_testkit::TestFiles;

use crate::key;

/// SHA-256 of `hello world`.
const HELLO: [u8; 32] = [
    0xb9, 0x4d, 0x27, 0xb9, 0x93, 0x4d, 0x3e, 0x08, 0xa5, 0x2e, 0x52, 0xd7, 0xda, 0x7d, 0xab, 0xfa,
    0xc4, 0x84, 0xef, 0xe3, 0x7a, 0x53, 0x80, 0xee, 0x90, 0x88, 0xf7, 0xac, 0xe2, 0xef, 0xcd, 0xe9,
];

const QUARTER: Duration = Duration::from_secs(900);

fn promise() -> Promise {
    Promise { content_type: "text/csv".into(), size_bytes: 11, sha256: HELLO }
}

#[tokio::test]
async fn the_promised_bytes_can_be_uploaded_and_nothing_else() {
    let s3 = TestFiles::start("tower").await;
    let files = s3.client();
    let link = files.upload_link(&key(1), &promise(), QUARTER).unwrap();

    // The double says so, but keeps the wrong bytes, which S3 does not: so at another place.
    let other = files.upload_link(&key(2), &promise(), QUARTER).unwrap();
    let (status, body) = s3.follow("PUT", &other, b"hello there").await;
    assert_eq!(status, 400, "another content of the same length");
    assert!(String::from_utf8_lossy(&body).contains("BadDigest"));

    let own_length = link.headers.iter().filter(|(name, _)| *name != "content-length");
    let own_length = own_length.map(|(name, value)| (name.as_str(), value.as_str()));
    let (status, _) = s3.send("PUT", &link.url, own_length, b"hello world and more").await;
    assert_eq!(status, 403, "another length");
    for left_out in ["x-amz-checksum-sha256", "content-type"] {
        let headers = link.headers.iter().filter(|(name, _)| *name != left_out);
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        let (status, _) = s3.send("PUT", &link.url, headers, b"hello world").await;
        assert_eq!(status, 403, "without {left_out}");
    }
    let other_type = BTreeMap::from_iter(link.headers.iter().map(|(name, value)| {
        let value = if name == "content-type" { "text/html" } else { value };
        (name.as_str(), value)
    }));
    let (status, _) = s3.send("PUT", &link.url, other_type.into_iter(), b"hello world").await;
    assert_eq!(status, 403, "another type");
    let elsewhere = link.url.replace("/uploads/", "/results/");
    let headers = link.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let (status, _) = s3.send("PUT", &elsewhere, headers, b"hello world").await;
    assert_eq!(status, 403, "another place");
    let (status, _) = s3.follow("GET", &link, b"").await;
    assert_eq!(status, 403, "another method");
    assert!(!s3.has(&key(1)));

    let (status, body) = s3.follow("PUT", &link, b"hello world").await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    assert_eq!(files.read_whole(&key(1), 100).await.unwrap().unwrap(), b"hello world");
}

#[tokio::test]
async fn a_download_needs_no_credential_and_no_header() {
    let s3 = TestFiles::start("tower").await;
    let files = s3.client();
    files.put(&key(1), "text/csv", b"hello world".to_vec()).await.unwrap();
    let link = files.download_link(&key(1), "tasks.csv", QUARTER).unwrap();
    assert!(link.headers.is_empty());
    assert_eq!(s3.follow("GET", &link, b"").await, (200, b"hello world".to_vec()));
    let renamed = link.url.replace("tasks.csv", "evil.exe");
    let (status, _) = s3.send("GET", &renamed, std::iter::empty(), b"").await;
    assert_eq!(status, 403, "the name is signed too");
    let unsigned = link.url.split('?').next().unwrap();
    let (status, _) = s3.send("GET", unsigned, std::iter::empty(), b"").await;
    assert_eq!(status, 403, "the bucket is private");
}

#[tokio::test]
async fn a_link_expires() {
    let s3 = TestFiles::start("tower").await;
    let files = s3.client();
    files.put(&key(1), "text/csv", b"hello world".to_vec()).await.unwrap();
    let link = files.download_link(&key(1), "tasks.csv", Duration::from_secs(1)).unwrap();
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(s3.follow("GET", &link, b"").await.0, 403);
}
