//! The doorways: every RPC goes through [`Api::read`], [`Api::write`] or [`Api::stream`], so that permission, request
//! shape, tenant, idempotency, logging and error mapping are written once.

use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Response, Status};

use crate::clock::{Clock, Ids, Micros};
use crate::error::{Code, Error, Result, reason};
use crate::names;
use crate::store::{Db, Origin, Txn};
use behavior::{Asks, At, Faults, Fields, Rpc, Shows};
use caller::Caller;

pub mod batch;
pub mod behavior;
pub mod caller;
pub mod etag;
mod idempotency;
pub mod list;
pub mod mask;
pub mod page;
pub mod references;
pub mod resource;
pub mod standard;
pub mod stream;
pub(crate) mod users;

pub use idempotency::Remembered;

/// Bytes from which an answer is compressed for clients that take it. What fits into TCP's first window arrives as soon
/// either way, and gRPC for Python, Java and C++ offers gzip unasked.
const WORTH_COMPRESSING: usize = 14 << 10;

/// What handlers need: the store, the time, new ids. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

/// What an operator decides of the rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// A write may name only users, groups, teams, use cases and conversations that the directory has.
    pub strict_directory: bool,
}

struct Inner {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    rules: Rules,
    sweeper: idempotency::Sweeper,
}

/// The request's id as the server's front chose it, in the request's extensions.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// One call: who, when, which RPC, on whose things. Cheap to clone.
#[derive(Clone)]
pub struct Ctx(Arc<Call>);

/// See [`Ctx`].
pub struct Call {
    /// The doorway it came through.
    pub api: Api,
    /// Who calls.
    pub caller: Arc<Caller>,
    /// The request's id, for logs and history.
    pub request_id: Arc<str>,
    /// Which RPC.
    pub rpc: &'static Rpc,
    /// The one instant that is "now" for the whole call.
    pub now: Micros,
    /// The tenant.
    pub customer: String,
    /// The profile; empty for what belongs to the customer as a whole.
    pub profile: String,
    /// The `If-Match` header.
    pub if_match: Option<String>,
    /// See [`references::had`].
    had: Mutex<references::Had>,
}

impl Deref for Ctx {
    type Target = Call;
    fn deref(&self) -> &Call {
        &self.0
    }
}

impl Call {
    /// The store.
    pub fn db(&self) -> &Db {
        &self.api.0.db
    }

    /// What the operator decided.
    pub fn rules(&self) -> Rules {
        self.api.0.rules
    }

    /// A new id that sorts by the call's time.
    pub fn new_id(&self) -> String {
        self.api.0.ids.next(self.now)
    }

    /// The caller as this customer's resources show users.
    pub fn shown_caller(&self) -> crate::pb::cresta::v1::user::User {
        self.caller.shown_in(&self.customer)
    }
}

impl Api {
    /// Doorways to this store, with this time and these ids.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self::with_rules(db, clock, ids, Rules::default())
    }

    /// The same, with rules of the operator's.
    pub fn with_rules(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, rules: Rules) -> Self {
        Self(Arc::new(Inner { db, clock, ids, rules, sweeper: idempotency::Sweeper::default() }))
    }

    fn sweeper(&self) -> &idempotency::Sweeper {
        &self.0.sweeper
    }

    /// Answers an RPC that changes nothing.
    pub async fn read<Q, A, F, Fut>(
        &self,
        rpc: &'static Rpc,
        request: Request<Q>,
        answer: F,
    ) -> Result<Response<A>, Status>
    where
        Q: Asks + Fields,
        A: Message + Shows,
        F: FnOnce(Ctx, Q) -> Fut,
        Fut: Future<Output = Result<A>>,
    {
        let answered = async {
            let (metadata, extensions, request) = request.into_parts();
            let (ctx, request) = self.enter(rpc, &metadata, &extensions, request)?;
            let mut answer = answer(ctx.clone(), request).await?;
            users::fill(&ctx, &mut answer).await?;
            Ok(answer)
        };
        done(rpc, answered.await.map(respond))
    }

    /// Answers an RPC that changes state. `answer` runs inside one transaction, and again when another call's change
    /// came between, so it has no effect but through its [`Txn`]. An idempotency key is honoured here.
    pub async fn write<Q, A, F, Fut>(
        &self,
        rpc: &'static Rpc,
        request: Request<Q>,
        answer: F,
    ) -> Result<Response<A>, Status>
    where
        Q: Asks + Fields + Message + Clone + Sync,
        A: Message + Default + Shows,
        F: Fn(Ctx, Txn, Q) -> Fut + Send + Sync,
        Fut: Future<Output = Result<A>> + Send,
    {
        self.write_showing(rpc, request, answer, |_, answer| std::future::ready(answer)).await
    }

    /// The same, where the answer shows more than was written: `show` adds it after the commit, beside what an idempotency
    /// key remembers, and so to a repeated answer too. It cannot fail, as the write is done.
    pub async fn write_showing<Q, A, F, Fut, S, Shown>(
        &self,
        rpc: &'static Rpc,
        request: Request<Q>,
        answer: F,
        show: S,
    ) -> Result<Response<A>, Status>
    where
        Q: Asks + Fields + Message + Clone + Sync,
        A: Message + Default + Shows,
        F: Fn(Ctx, Txn, Q) -> Fut + Send + Sync,
        Fut: Future<Output = Result<A>> + Send,
        S: FnOnce(Ctx, A) -> Shown + Send,
        Shown: Future<Output = A> + Send,
    {
        debug_assert!(rpc.writes, "{} does not declare that it writes", rpc.name);
        let answered = async {
            let (metadata, extensions, request) = request.into_parts();
            let (ctx, request) = self.enter(rpc, &metadata, &extensions, request)?;
            let origin = Origin {
                actor: ctx.caller.name_in(&ctx.customer),
                request_id: ctx.request_id.to_string(),
                rpc: rpc.name.into(),
                at_us: ctx.now.0,
            };
            let key = idempotency::Key::read(&metadata, &ctx, &request)?;
            if key.is_some() {
                idempotency::Sweeper::called(&ctx);
            }
            let (answer, ctx, request, key) = (&answer, &ctx, &request, &key);
            let written: Result<A> = ctx
                .db()
                .write(&origin, move |txn| async move {
                    if let Some(key) = key
                        && let Some(first) = key.answered(&txn, ctx.now).await?
                    {
                        return Ok(first);
                    }
                    let mut answer = answer(ctx.clone(), txn.clone(), request.clone()).await?;
                    // After every other rule: what is wrong with the request itself is told first, and nobody learns here
                    // what they may not know.
                    references::hold(ctx, request).await?;
                    // After everything was saved: records hold the names of users only. The answer is remembered as given.
                    users::fill(ctx, &mut answer).await?;
                    if let Some(key) = key {
                        key.remember(&txn, ctx.now, &answer).await?;
                    }
                    Ok(answer)
                })
                .await;
            Ok(show(ctx.clone(), written?).await)
        };
        done(rpc, answered.await.map(respond))
    }

    /// Answers an RPC that the contract has and this version does not.
    pub async fn later<Q, A>(&self, rpc: &'static Rpc, request: Request<Q>) -> Result<Response<A>, Status>
    where
        Q: Asks + Fields,
    {
        let (metadata, extensions, request) = request.into_parts();
        let refused = self.enter(rpc, &metadata, &extensions, request).err().unwrap_or_else(|| {
            let message = format!("{} is not implemented yet", rpc.name);
            Error::new(Code::Unimplemented, reason::NOT_YET_IMPLEMENTED, message).with("method", rpc.name)
        });
        done(rpc, Err(refused))
    }

    /// What every call passes: who it is, whether they may, whether the request is well-formed, whose things it is about.
    fn enter<Q: Asks + Fields>(
        &self,
        rpc: &'static Rpc,
        metadata: &MetadataMap,
        extensions: &Extensions,
        mut request: Q,
    ) -> Result<(Ctx, Q)> {
        // Fails closed: a road into the service that establishes no caller answers nothing.
        let caller = extensions
            .get::<Arc<Caller>>()
            .cloned()
            .ok_or_else(|| Error::new(Code::Unauthenticated, reason::INVALID_CALLER, "the caller is not known"))?;
        caller.permit(rpc)?;
        let request_id = extensions.get::<RequestId>().map_or_else(|| "".into(), |id| id.0.clone());

        request.clear_output_only();
        let scope = names::scope(request.scope()).map(|(customer, profile)| (customer.to_owned(), profile.to_owned()));
        if let Some((customer, _)) = &scope {
            caller.within(customer, request.scope())?;
        }
        let mut faults = Faults { scope, ..Faults::default() };
        request.check(&At::root(""), &mut faults);
        if request.scope().is_empty() && !faults.found.iter().any(|fault| fault.field == Q::SCOPE) {
            faults.add(&At::root(Q::SCOPE), "is required");
        }
        if !faults.found.is_empty() {
            return Err(Error::fields(faults.found));
        }
        let Some((customer, profile)) = faults.scope else {
            return Err(Error::field(Q::SCOPE, "must be a resource name that begins with customers/{customer}"));
        };
        let bad = || Error::field("If-Match", "must be `*` or quoted etags, once").because(reason::INVALID_ETAG);
        let if_match = single(metadata, "if-match", bad)?.map(str::to_owned);
        let call = Call {
            api: self.clone(),
            caller,
            request_id,
            rpc,
            now: self.0.clock.now(),
            customer,
            profile,
            if_match,
            had: Mutex::default(),
        };
        Ok((Ctx(Arc::new(call)), request))
    }
}

/// The one value of a header; sent twice, or with bytes that are no text, it is refused rather than guessed at.
fn single<'a>(metadata: &'a MetadataMap, name: &str, bad: impl Fn() -> Error) -> Result<Option<&'a str>> {
    let mut values = metadata.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| bad()),
        _ => Err(bad()),
    }
}

fn respond<A: Message>(answer: A) -> Response<A> {
    let small = answer.encoded_len() < WORTH_COMPRESSING;
    let mut response = Response::new(answer);
    if small {
        response.disable_compression();
    }
    response
}

fn done<A>(rpc: &Rpc, answered: Result<Response<A>>) -> Result<Response<A>, Status> {
    answered.map_err(|error| refused(rpc, error))
}

fn refused(rpc: &Rpc, error: Error) -> Status {
    // The one place where a failure is logged; the private half goes no further.
    if let Some(cause) = error.cause() {
        tracing::error!(rpc = rpc.name, code = error.code().text(), reason = error.reason(), cause = %cause, "call failed");
    }
    Status::from(error)
}
