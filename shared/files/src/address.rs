//! Where a bucket answers.

use crate::FileKey;

/// Where the bucket answers.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// Scheme and authority.
    pub(crate) origin: String,
    /// Before every key: empty on AWS, where the bucket is part of the host's name; `/<bucket>` at
    /// an endpoint of choice.
    pub(crate) base: String,
}

impl Address {
    pub(crate) fn of(bucket: &str, region: &str, endpoint: Option<&str>) -> Address {
        match endpoint {
            Some(endpoint) => Address {
                origin: endpoint.trim_end_matches('/').to_owned(),
                base: format!("/{bucket}"),
            },
            None => Address {
                origin: format!("https://{bucket}.s3.{region}.amazonaws.com"),
                base: String::new(),
            },
        }
    }

    /// The path of a file; keys are made of characters that need no encoding.
    pub(crate) fn path(&self, key: &FileKey) -> String {
        format!("{}/{key}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use millwright_core::{Id, Tenant, Voucher};

    use std::time::Duration;

    use aws_credential_types::Credentials;
    use millwright_aws::{SignableBody, Signer, Unsigned};
    use millwright_core::Timestamp;

    use super::*;
    use crate::Folder;

    millwright_core::id! {
        UploadId = Upload("upl");
    }

    const UPLOADS: Folder = Folder { name: "uploads", keep_days: 7 };

    #[allow(clippy::disallowed_methods, reason = "a test vouches for its tenant")]
    fn key() -> FileKey {
        let organization = "org_01h455vb4pex5vsknk084sn02q".parse().expect("an id");
        let upload: UploadId = "upl_01h455vb4pex5vsknk084sn02q".parse().expect("an id");
        let upload = Id::from_uuid(upload.uuid());
        FileKey::of::<Upload>(&Tenant::vouched(organization, Voucher::Test), &UPLOADS, upload)
    }

    fn signer(session_token: Option<&str>, region: &str) -> Signer {
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            session_token.map(str::to_owned),
            None,
            "a test",
        );
        Signer { credentials, region: region.to_owned(), service: "s3" }
    }

    fn at(time: &str) -> Timestamp {
        time.parse().expect("a time")
    }

    const MAY_2013: &str = "2013-05-24T00:00:00Z";
    const NOVEMBER_2026: &str = "2026-11-23T01:04:58Z";

    /// The parameters of a URL's query, sorted: S3 does not care about their order.
    fn parts(url: &str) -> (String, Vec<String>) {
        let (path, query) = url.split_once('?').expect("a query");
        let mut parameters: Vec<String> = query.split('&').map(str::to_owned).collect();
        parameters.sort();
        (path.to_owned(), parameters)
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
    #[test]
    fn the_example_of_a_link_in_the_documentation_of_s3() {
        let request = Unsigned {
            method: "GET",
            url: "https://examplebucket.s3.amazonaws.com/test.txt".to_owned(),
            headers: Vec::new(),
            body: SignableBody::UnsignedPayload,
        };
        let day = Duration::from_secs(86_400);
        let link = signer(None, "us-east-1").link(request, at(MAY_2013), day).expect("signed");
        assert_eq!(
            parts(&link),
            parts(
                "https://examplebucket.s3.amazonaws.com/test.txt\
                 ?X-Amz-Algorithm=AWS4-HMAC-SHA256\
                 &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
                 &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
                 &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
            )
        );
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
    #[test]
    fn the_example_of_a_signed_request_in_the_documentation_of_s3() {
        let request = Unsigned {
            method: "GET",
            url: "https://examplebucket.s3.amazonaws.com/test.txt".to_owned(),
            headers: vec![("range", "bytes=0-9".to_owned())],
            body: SignableBody::Bytes(b""),
        };
        let headers = signer(None, "us-east-1").headers(request, at(MAY_2013)).expect("signed");
        let authorization = headers.iter().find(|(name, _)| name == "authorization");
        let (_, value) = authorization.expect("an authorization");
        assert!(value.ends_with(
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        ));
    }

    /// Expected values: botocore 1.44.5, `S3SigV4QueryAuth` and `S3SigV4Auth`.
    #[test]
    fn links_and_requests_of_ours_are_signed_as_botocore_signs_them() {
        let signer = signer(Some("a/session+token=="), "eu-central-1");
        let address = Address::of("mw-planning-bucket", "eu-central-1", None);
        let url = format!("{}{}", address.origin, address.path(&key()));
        let (now, lifetime) = (at(NOVEMBER_2026), Duration::from_secs(900));
        let upload = Unsigned {
            method: "PUT",
            url: url.clone(),
            headers: vec![
                ("content-length", "11".to_owned()),
                ("content-type", "text/csv; charset=utf-8".to_owned()),
                (
                    "x-amz-checksum-sha256",
                    "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=".to_owned(),
                ),
            ],
            body: SignableBody::UnsignedPayload,
        };
        let common = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE\
                      %2F20261123%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20261123T010458Z\
                      &X-Amz-Expires=900&X-Amz-Security-Token=a%2Fsession%2Btoken%3D%3D";
        assert_eq!(
            parts(&signer.link(upload, now, lifetime).expect("signed")),
            parts(&format!(
                "https://mw-planning-bucket.s3.eu-central-1.amazonaws.com/uploads/\
                 org_01h455vb4pex5vsknk084sn02q/upl_01h455vb4pex5vsknk084sn02q?{common}\
                 &X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bx-amz-checksum-sha256\
                 &X-Amz-Signature=e56502c679b3bb1ec874c1cf2fa818377a0878a6abb910bd75846edefa4c46d5"
            ))
        );
        let disposition = "response-content-disposition=attachment%3B%20filename%3D%22a_b.csv%22\
                           %3B%20filename%2A%3DUTF-8%27%27a%2520b.csv";
        let download = Unsigned {
            method: "GET",
            url: format!("{url}?{disposition}"),
            headers: Vec::new(),
            body: SignableBody::UnsignedPayload,
        };
        assert_eq!(
            parts(&signer.link(download, now, lifetime).expect("signed")),
            parts(&format!(
                "{url}?{disposition}&{common}&X-Amz-SignedHeaders=host\
                 &X-Amz-Signature=95b556a3a545eb5b6e558ecdb8a88dc129d7e5df9f0c57001fcd37d4f26a9778"
            ))
        );
        let read = Unsigned {
            method: "GET",
            url,
            headers: vec![("range", "bytes=0-9".to_owned())],
            body: SignableBody::Bytes(b""),
        };
        let headers = signer.headers(read, now).expect("signed");
        let authorization = headers.iter().find(|(name, _)| name == "authorization");
        assert_eq!(
            authorization.expect("an authorization").1,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/eu-central-1/s3/aws4_request, \
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date;x-amz-security-token, \
             Signature=d44fd3282bcb346d863358e1c7bcb35493bd355d811bb9a9ecd6246df0d565bf"
        );
    }

    #[test]
    fn the_bucket_is_part_of_the_host_on_aws_and_of_the_path_elsewhere() {
        let there = Address::of("b", "eu-central-1", None);
        assert_eq!(there.origin, "https://b.s3.eu-central-1.amazonaws.com");
        let key = key();
        assert_eq!(there.path(&key), format!("/{key}"));
        let here = Address::of("b", "eu-central-1", Some("http://127.0.0.1:4566/"));
        assert_eq!(here.origin, "http://127.0.0.1:4566");
        assert_eq!(here.path(&key), format!("/b/{key}"));
    }
}
