//! Put, read, look at, delete.

use millwright_core::Kind;
use millwright_files::FileKey;
use millwright_testkit::TestFiles;

use crate::{UPLOADS, Upload, UploadId, key, tenant};

#[tokio::test]
async fn what_was_put_is_read_in_whole_and_in_parts() {
    let s3 = TestFiles::start("tower").await;
    let files = s3.client();
    let stored = files.put(&key(1), "text/plain", b"0123456789".to_vec()).await.unwrap();
    assert_eq!(stored.size_bytes, 10);
    assert_eq!(stored.sha256[..4], [0x84, 0xd8, 0x98, 0x77]);
    assert_eq!(files.size(&key(1)).await.unwrap(), Some(10));
    assert_eq!(files.read_whole(&key(1), 10).await.unwrap().unwrap(), b"0123456789");
    let part = files.read(&key(1), 8, 5).await.unwrap().unwrap();
    assert_eq!((part.bytes.as_slice(), part.file_size), (&b"89"[..], 10));
    let beyond = files.read(&key(1), 10, 5).await.unwrap().unwrap();
    assert!(beyond.bytes.is_empty());
    let error = files.read_whole(&key(1), 9).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_none_and_deleting_it_is_fine() {
    let s3 = TestFiles::start("tower").await;
    let files = s3.client();
    assert!(files.read(&key(1), 0, 10).await.unwrap().is_none());
    assert!(files.size(&key(1)).await.unwrap().is_none());
    files.delete(&key(1)).await.unwrap();
    files.put(&key(1), "text/plain", b"x".to_vec()).await.unwrap();
    for _ in 0..2 {
        files.delete(&key(1)).await.unwrap();
        assert!(!s3.has(&key(1)));
    }
}

#[tokio::test]
async fn a_wrong_signature_is_no_missing_file() {
    let s3 = TestFiles::start("tower").await;
    s3.client().put(&key(1), "text/plain", b"x".to_vec()).await.unwrap();
    let error = s3.impostor().read(&key(1), 0, 1).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert!(error.to_string().contains("SignatureDoesNotMatch"), "{error}");
}

#[tokio::test]
async fn an_outage_is_tried_three_times_and_then_worth_another_try_later() {
    let s3 = TestFiles::start("tower").await;
    let files = s3.client();
    s3.faults.outage(true);
    let error = files.put(&key(1), "text/plain", b"x".to_vec()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(s3.faults.calls().values().sum::<usize>(), 3);
    s3.faults.outage(false);
    s3.faults.lose_answer(1);
    files.put(&key(1), "text/plain", b"x".to_vec()).await.unwrap();
    assert!(s3.has(&key(1)));
}

#[test]
fn keys_hold_folder_and_organization() {
    let id: UploadId = "upl_01h455vb4pex5vsknk084sn02q".parse().unwrap();
    let key = FileKey::of::<Upload>(&tenant(1), &UPLOADS, id);
    let organization = tenant(1);
    assert_eq!(key.as_str(), format!("uploads/{organization}/upl_01h455vb4pex5vsknk084sn02q"));
}
