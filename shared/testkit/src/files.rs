//! S3 for one test: a real implementation that verifies signatures and checksums, over a folder
//! that ends with the test.

use std::{collections::BTreeMap, fs, sync::Arc};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use millwright_config::{AwsService, Config};
use millwright_core::Clock;
use millwright_files::{FileKey, Files, Link};
use millwright_runtime::aws::http_client;
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;

use crate::Faults;

/// As of the other doubles, so that a process can have one environment for all.
const ACCESS_KEY: &str = "000000000000";
const SECRET_KEY: &str = "test";

/// The bucket of a service. Cheap to clone; all clones are one.
///
/// S3 compares signatures with the real time, so its clients have the system's clock, whatever the
/// clock of the test says.
#[derive(Clone)]
pub struct TestFiles {
    folder: Arc<TempDir>,
    config: Config,
    service: &'static str,
    /// Of the calls of [`TestFiles::client`].
    pub faults: Faults,
}

impl TestFiles {
    pub async fn start(service: &'static str) -> TestFiles {
        let folder = TempDir::new().expect("a folder");
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("a folder"));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let s3 = builder.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let s3 = s3.clone();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(socket), s3).await;
                });
            }
        });
        let config = config(&endpoint, SECRET_KEY);
        fs::create_dir(folder.path().join(config.bucket(service))).expect("a bucket");
        TestFiles { folder: Arc::new(folder), config, service, faults: Faults::default() }
    }

    /// Where S3 answers.
    pub fn endpoint(&self) -> &str {
        let endpoint = self.config.endpoint(AwsService::S3);
        endpoint.expect("set").expect("set")
    }

    /// The service's own client.
    pub fn client(&self) -> Files {
        let http = self.faults.over(http_client().expect("root certificates"));
        Files::new(&self.config, self.service, http, Clock::system()).expect("an endpoint")
    }

    /// A client with another secret key: its signatures are wrong.
    pub fn impostor(&self) -> Files {
        let config = config(self.endpoint(), "another secret key");
        let http = http_client().expect("root certificates");
        Files::new(&config, self.service, http, Clock::system()).expect("an endpoint")
    }

    /// How S3 answers somebody who follows a link: the status and the body.
    pub async fn follow(&self, method: &str, link: &Link, body: &[u8]) -> (u16, Vec<u8>) {
        let headers = link.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.send(method, &link.url, headers, body).await
    }

    /// Any request at all.
    pub async fn send<'a>(
        &self,
        method: &str,
        url: &str,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        body: &[u8],
    ) -> (u16, Vec<u8>) {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let method = method.parse().expect("a method");
        let mut request = client.request(method, url).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.bytes().await.expect("a body").to_vec())
    }

    /// The keys and sizes of all files.
    pub fn all(&self) -> BTreeMap<String, u64> {
        let bucket = self.folder.path().join(self.config.bucket(self.service));
        let mut found = BTreeMap::new();
        let mut folders = vec![bucket.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let entry = entry.expect("an entry");
                let metadata = entry.metadata().expect("metadata");
                let path = entry.path();
                if metadata.is_dir() {
                    folders.push(path);
                } else {
                    let key = path.strip_prefix(&bucket).expect("below it");
                    found.insert(key.to_string_lossy().into_owned(), metadata.len());
                }
            }
        }
        found
    }

    pub fn has(&self, key: &FileKey) -> bool {
        self.all().contains_key(key.as_str())
    }
}

fn config(endpoint: &str, secret: &str) -> Config {
    let variables = BTreeMap::from([
        ("MILLWRIGHT_STAGE", "local"),
        ("MILLWRIGHT_PREFIX", "test"),
        ("MILLWRIGHT_PUBLIC_URL", "http://127.0.0.1:9000"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_ENDPOINT_URL", endpoint),
    ]);
    Config::from_variables(|name| variables.get(name).map(|value| (*value).to_owned()))
        .expect("a complete configuration")
}
