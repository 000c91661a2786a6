//! Calls over the loopback, which is what nobody may call unless the operator says so.

#![allow(clippy::expect_used, reason = "a test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Redirect},
    routing::get,
};
use futures::{StreamExt, stream};
use millwright_egress::{Call, Client, Denied, Destinations, Failure, Wait, Waits};
use tokio::{net::TcpListener, sync::oneshot};

/// A server that counts who came, and its port.
async fn server() -> (u16, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let never = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let halting = || {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"one "))]);
        Body::from_stream(first.chain(stream::pending()))
    };
    let router = Router::new()
        .route("/hello", get(async || "hello"))
        .route("/away", get(async || Redirect::temporary("/hello")))
        .route("/silent", get(async || std::future::pending::<()>().await))
        .route("/empty", get(async move || never().into_response()))
        .route("/halting", get(async move || halting().into_response()))
        .layer(axum::middleware::from_fn_with_state(
            calls.clone(),
            async |State(calls): State<Arc<AtomicUsize>>, request, next: axum::middleware::Next| {
                calls.fetch_add(1, Ordering::SeqCst);
                next.run(request).await
            },
        ));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (port, calls)
}

fn short() -> Waits {
    Waits {
        connect: Duration::from_secs(1),
        first: Duration::from_millis(100),
        idle: Duration::from_millis(100),
        total: Duration::from_secs(20),
    }
}

#[tokio::test]
async fn a_host_that_the_operator_has_named_is_called() {
    let (port, _) = server().await;
    let client = Client::new(Destinations::with(["localhost"]));
    let call = Call::get(format!("http://localhost:{port}/hello"));
    let mut answer = client.call(call.clone(), &Waits::default()).await.expect("an answer");
    assert_eq!(answer.whole(5).await, Ok(b"hello".to_vec()));
    let mut answer = client.call(call, &Waits::default()).await.expect("an answer");
    assert_eq!(answer.whole(4).await, Err(Failure::TooLarge));
}

#[tokio::test]
async fn nobody_else_on_the_loopback_is_called_by_address_or_by_name() {
    let (port, calls) = server().await;
    let client = Client::new(Destinations::with(["localhost:1"]));
    for (url, denied) in [
        (format!("http://localhost:{port}/hello"), Denied::Scheme),
        (format!("https://127.0.0.1:{port}/hello"), Denied::Private { host: "127.0.0.1".into() }),
        (format!("https://localhost:{port}/hello"), Denied::Private { host: "localhost".into() }),
    ] {
        let failure = client.call(Call::get(&url), &Waits::default()).await.err();
        assert_eq!(failure, Some(Failure::Denied(denied)), "{url}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (port, calls) = server().await;
    let client = Client::new(Destinations::with(["127.0.0.1"]));
    let call = Call::get(format!("http://127.0.0.1:{port}/away"));
    let answer = client.call(call, &Waits::default()).await.expect("an answer");
    assert_eq!((answer.status(), answer.header("location")), (307, Some("/hello")));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn every_wait_has_its_end() {
    let (port, _) = server().await;
    let client = Client::new(Destinations::with(["127.0.0.1"]));
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let silent = client.call(Call::get(url("/silent")), &short()).await.err();
    assert_eq!(silent, Some(Failure::TimedOut(Wait::First)));
    let mut empty = client.call(Call::get(url("/empty")), &short()).await.expect("a head");
    assert_eq!(empty.next().await, Err(Failure::TimedOut(Wait::First)));
    let mut halting = client.call(Call::get(url("/halting")), &short()).await.expect("a head");
    assert_eq!(halting.next().await, Ok(Some(Bytes::from_static(b"one "))));
    assert_eq!(halting.next().await, Err(Failure::TimedOut(Wait::Idle)));
    let total = Waits { total: Duration::from_millis(50), ..short() };
    let late = client.call(Call::get(url("/silent")), &total).await.err();
    assert_eq!(late, Some(Failure::TimedOut(Wait::Total)));
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nobody = closed.local_addr().expect("an address");
    drop(closed);
    let failure = client.call(Call::get(format!("http://{nobody}/")), &short()).await.err();
    assert!(matches!(failure, Some(Failure::NotConnected(_))), "{failure:?}");
}

#[tokio::test]
async fn who_drops_an_answer_closes_the_connection() {
    let (told, heard) = oneshot::channel::<()>();
    let told = Arc::new(std::sync::Mutex::new(Some(told)));
    // A body that says when it is dropped.
    struct Told(Arc<std::sync::Mutex<Option<oneshot::Sender<()>>>>);
    impl Drop for Told {
        fn drop(&mut self) {
            drop(self.0.lock().expect("nobody panics").take());
        }
    }
    let router = Router::new().route(
        "/",
        get(move || {
            let guard = Told(told.clone());
            async move {
                let endless = stream::unfold(guard, async |guard| {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    Some((Ok::<_, std::io::Error>(Bytes::from_static(b"more")), guard))
                });
                Body::from_stream(endless).into_response()
            }
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = Client::new(Destinations::with(["127.0.0.1"]));
    let call = Call::get(format!("http://{address}/"));
    let mut answer = client.call(call, &Waits::default()).await.expect("a head");
    answer.next().await.expect("bytes");
    drop(answer);
    heard.await.expect_err("the sender goes with the body");
}
