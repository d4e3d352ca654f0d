use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{Router, http::request::Parts, middleware, response::Redirect, routing::get};
use relman_adapters::web::Web;
use relman_core::port::Directory;
use serde::Serialize;
use tokio::net::TcpListener;

use super::{guard::Guard, session::Sessions, sign_in};
use crate::{
    cli::{Global, Serve},
    config::Config,
    failure::Failure,
    output, store,
};

/// Where the pages are mounted.
pub(super) const MOUNT: &str = "/relman";

/// Where nothing else is said: this machine alone.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7_878);

/// Serves the pages until Ctrl-C.
///
/// # Errors
///
/// [`Failure`] where the configuration or the journal can't be used, or the address is taken.
pub(in crate::commands) fn run(global: &Global, asked: &Serve) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::refused(format_args!("failed to start the runtime: {error}")))?;
    runtime.block_on(serve(global, asked))
}

/// What is printed once people can open it.
#[derive(Serialize)]
struct Serving {
    url: String,
    people: usize,
}

async fn serve(global: &Global, asked: &Serve) -> Result<(), Failure> {
    let config = Config::load(global)?;
    let people: Arc<dyn Directory> = config.people();
    let releases = store::releases(store::open(&store::path(global))?, people);
    let sessions = Arc::new(Sessions::of(&config)?);
    let listen = asked.listen.or(config.web().listen).unwrap_or(DEFAULT_LISTEN);
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failure::refused(format_args!("failed to listen on {listen}: {error}")))?;
    let address = listener.local_addr().map_err(Failure::refused)?;

    let mut web = Web::new(releases);
    if sessions.known() > 0 {
        let sessions = sessions.clone();
        let people = move |request: &Parts| sessions.who(&request.headers);
        web = web.signed_in_by(people).sign_in_at(sign_in::PATH);
    }
    let guard = Arc::new(Guard::new(address, &config.web().hosts, sessions.clone()));
    let app = Router::new()
        .route("/", get(async || Redirect::to(MOUNT)))
        .route("/relman/", get(async || Redirect::to(MOUNT)))
        .merge(sign_in::routes(sessions.clone()))
        .nest(MOUNT, web.router())
        .layer(middleware::from_fn_with_state(guard, Guard::check));

    let serving = Serving { url: format!("http://{address}{MOUNT}"), people: sessions.known() };
    if global.json {
        output::json(&serving)?;
    } else {
        output::line(format_args!(
            "{}  ({} can sign in; Ctrl-C ends it)",
            serving.url,
            counted(serving.people)
        ))?;
    }
    tokio::select! {
        served = axum::serve(listener, app) => {
            served.map_err(|error| Failure::refused(format_args!("failed to serve: {error}")))
        }
        // Pages listen for news as long as they are open; nobody waits for that.
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

fn counted(people: usize) -> String {
    match people {
        0 => "nobody".to_owned(),
        1 => "one person".to_owned(),
        people => format!("{people} people"),
    }
}
