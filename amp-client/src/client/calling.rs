//! One call, made until it is answered, refused or too late (provider API, limits).

use alloc::borrow::Cow;
use alloc::sync::Arc;
use core::time::Duration;

use amp_core::connection::Backoff;
use amp_core::identity::ApiKey;
use amp_core::wire::{
    AnswerParts, ApiError, ApiErrorCode, ApiUrl, Endpoint, Method, Request, RequestParts, Retry,
};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::account::Account;
use super::registration::Registration;
use crate::clock;
use crate::error::Error;
use crate::http::{Http, HttpError};

/// First pause between two attempts, and the longest of our own choice.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// A call to be made.
pub(super) struct Call<'a> {
    pub(super) api: &'a ApiUrl,
    pub(super) key: Option<Arc<ApiKey>>,
    pub(super) endpoint: Endpoint,
    pub(super) parts: RequestParts,
    /// How long it may take, all attempts together.
    pub(super) timeout: Duration,
}

/// The attempts of one call.
pub(super) struct Attempts {
    endpoint: Endpoint,
    begun: Instant,
    timeout: Duration,
    backoff: Backoff,
    attempt: u32,
}

impl Attempts {
    pub(super) fn new(endpoint: Endpoint, timeout: Duration) -> Self {
        let backoff = Backoff::new(clock::seed()).with_range(PAUSES.0, PAUSES.1);
        Self { endpoint, begun: Instant::now(), timeout, backoff, attempt: 0 }
    }

    /// What is left of the time.
    fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.begun.elapsed())
    }

    /// How long the next attempt may take: half of the whole, so that a lost answer leaves time to ask again.
    fn limit(&self) -> Duration {
        self.left().min(self.timeout / 2)
    }

    /// Waits until the next attempt is due, or gives the error back when there is none.
    async fn pause(&mut self, failure: Failure) -> Result<(), Error> {
        let own = self.backoff.next_delay();
        let pause = match failure.retry {
            Retry::Never => None,
            Retry::At(until) => Some(until.duration_since(clock::now()).unwrap_or_default().max(own)),
            _ => Some(own),
        };
        match pause.filter(|pause| failure.may_repeat && *pause < self.left()) {
            Some(pause) => {
                tokio::time::sleep(pause).await;
                Ok(())
            }
            None => Err(failure.error),
        }
    }
}

/// An attempt that failed.
struct Failure {
    error: Error,
    retry: Retry,
    /// Whether repeating does no harm.
    may_repeat: bool,
}

impl Account {
    /// Makes a call with the key of a registration.
    pub(crate) async fn call<R: Request + Sync>(
        &self,
        at: &Registration,
        request: &R,
    ) -> Result<R::Answer, Error> {
        let answer = self.exchange(at, at.api(), R::ENDPOINT, request.to_parts()).await?;
        read(request, &answer)
    }

    /// Makes a call, and makes it again with the new API key when another program has rotated it meanwhile.
    pub(super) async fn exchange(
        &self,
        at: &Registration,
        api: &ApiUrl,
        endpoint: Endpoint,
        parts: RequestParts,
    ) -> Result<AnswerParts, Error> {
        let timeout = self.settings.timeout;
        let key = at.key();
        let call = Call { api, key: Some(Arc::clone(&key)), endpoint, parts: parts.clone(), timeout };
        match exchange(&self.http, call).await {
            Err(error) if error.is_unauthorized() && self.renew_key(at, Some(&key)).await => {
                exchange(&self.http, Call { api, key: Some(at.key()), endpoint, parts, timeout }).await
            }
            outcome => outcome,
        }
    }

    /// After a refusal of the API key: whether another program has rotated it meanwhile, and the new one is used now.
    pub(crate) async fn renew_key(&self, at: &Registration, used: Option<&ApiKey>) -> bool {
        let is_other = |key: &ApiKey| used.is_none_or(|used| used.expose() != key.expose());
        if is_other(&at.key()) {
            return true;
        }
        match self.keeping.kept_key(at).await {
            Ok(Some(key)) if is_other(&key) => at.set_key(&key).is_ok(),
            _ => false,
        }
    }
}

/// Reads the answer to a request. What cannot be read is not repeated in the error: keys and messages stand in answers.
pub(super) fn read<R: Request>(request: &R, answer: &AnswerParts) -> Result<R::Answer, Error> {
    request.read_answer(answer).map_err(|error| {
        let error = match error.excerpt() {
            Some(_) => request.read_answer(&AnswerParts::new(answer.status)).err().unwrap_or(error),
            None => error,
        };
        refused(R::ENDPOINT, error)
    })
}

/// Makes a call until it is answered.
///
/// Asked again is what cannot have been done: no connection came about, or the provider refused for now. What may have been done is asked
/// again where that does no harm.
pub(super) async fn exchange(http: &Http, call: Call<'_>) -> Result<AnswerParts, Error> {
    let span = tracing::debug_span!("amp.call", endpoint = %name(call.endpoint));
    async {
        let mut attempts = Attempts::new(call.endpoint, call.timeout);
        loop {
            match attempts.make(http, call.api, call.key.as_deref(), call.parts.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => attempts.pause(failure).await?,
            }
        }
    }
    .instrument(span)
    .await
}

impl Attempts {
    /// One attempt, and what to do when it fails.
    async fn make(
        &mut self,
        http: &Http,
        api: &ApiUrl,
        key: Option<&ApiKey>,
        parts: RequestParts,
    ) -> Result<AnswerParts, Failure> {
        self.attempt = self.attempt.saturating_add(1);
        let begun = Instant::now();
        // The place for messages that a provider names is the path of no endpoint.
        let parts = match key {
            Some(key) if Endpoint::find(parts.method, &parts.path).is_none() => parts.with_key(key),
            _ => parts,
        };
        let outcome = http.call(api, key, parts, self.limit()).await;
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(answer) if is_answer(self.endpoint, &answer) => {
                tracing::debug!(
                    attempt = self.attempt,
                    status = answer.status,
                    ms = milliseconds,
                    "answered"
                );
                Ok(answer)
            }
            Ok(answer) => {
                let error = ApiError::from_parts(&without_key(answer, key));
                let code = known_code(error.code.as_ref());
                let (attempt, status) = (self.attempt, error.status);
                tracing::debug!(attempt, status, code, ms = milliseconds, "refused");
                Err(self.refusal(error))
            }
            Err(error) => {
                let (attempt, ms) = (self.attempt, milliseconds);
                tracing::debug!(attempt, ms, cause = %error, "no answer");
                Err(self.silence(error))
            }
        }
    }

    fn refusal(&self, error: ApiError) -> Failure {
        let retry = error.retry(clock::now());
        // 5xx may come from a provider that has acted; the others say that it has not.
        let may_repeat = error.status < 500 || error.status == 503 || is_repeatable(self.endpoint);
        Failure { error: refused(self.endpoint, error), retry, may_repeat }
    }

    fn silence(&self, error: HttpError) -> Failure {
        let is_harmless = is_repeatable(self.endpoint);
        let may_repeat = error.is_unsent() || is_harmless;
        let error = error.at(name(self.endpoint));
        // An answer that breaks the rules is not asked for again and again: that is for the caller to decide.
        let retry = error.retry(clock::now());
        let error = if is_harmless { error.harmless_to_repeat() } else { error };
        Failure { error, retry, may_repeat }
    }
}

/// What a provider refused, or answered instead of what was asked.
fn refused(endpoint: Endpoint, error: ApiError) -> Error {
    let error = Error::refused(name(endpoint), error);
    if is_repeatable(endpoint) { error.harmless_to_repeat() } else { error }
}

/// Whether the same request, made again, does nothing more than made once.
///
/// A message has its idempotency key; a registration that is repeated gives another API key in place of the one that got
/// lost, or is refused.
const fn is_repeatable(endpoint: Endpoint) -> bool {
    matches!(endpoint.method(), Method::Get)
        || matches!(
            endpoint,
            Endpoint::Route
                | Endpoint::Register
                | Endpoint::Acknowledge
                | Endpoint::AcknowledgeBatch
                | Endpoint::MarkRead
                | Endpoint::UpdateMe
                | Endpoint::ConfirmUpload
                | Endpoint::Unsuspend
        )
}

/// An answer to be read; where a file is, is said by a redirect that nobody follows here.
fn is_answer(endpoint: Endpoint, answer: &AnswerParts) -> bool {
    answer.is_success() || endpoint == Endpoint::DownloadAttachment && matches!(answer.status, 300..=399)
}

/// What is called, as it stands in errors and events: `POST /route`.
pub(super) fn name(endpoint: Endpoint) -> Cow<'static, str> {
    Cow::Owned([endpoint.method().as_str(), " ", endpoint.path()].concat())
}

/// A code that this library knows; others are text from outside.
fn known_code(code: Option<&ApiErrorCode>) -> &str {
    match code {
        None => "none",
        Some(ApiErrorCode::Other(_)) => "other",
        Some(code) => code.as_str(),
    }
}

/// A refusal that repeats the API key is not shown to anybody. (A52)
fn without_key(answer: AnswerParts, key: Option<&ApiKey>) -> AnswerParts {
    let Some(key) = key.map(|key| key.expose().as_bytes()) else { return answer };
    let is_repeated = answer.body.windows(key.len()).any(|window| window == key);
    if is_repeated { answer.with_body(alloc::vec::Vec::new()) } else { answer }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An attempt at sending that failed, and when it may be made again.
    fn failure(retry: Retry) -> Failure {
        let error = Error::new(crate::ErrorKind::Refused, "POST /route");
        Failure { error, retry, may_repeat: true }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_are_what_the_provider_asks_for_and_end_with_the_time_of_the_call() {
        let (begun, time) = (Instant::now(), Duration::from_secs(30));
        let mut attempts = Attempts::new(Endpoint::Route, time);
        let in_ten = clock::now().saturating_add(Duration::from_secs(10));
        attempts.pause(failure(Retry::At(in_ten))).await.unwrap();
        assert!(begun.elapsed() > Duration::from_secs(8) && begun.elapsed() <= Duration::from_secs(10));
        let late = clock::now().saturating_add(Duration::from_secs(25));
        attempts.pause(failure(Retry::At(late))).await.unwrap_err();
        attempts.pause(failure(Retry::Never)).await.unwrap_err();
        attempts.pause(Failure { may_repeat: false, ..failure(Retry::Backoff) }).await.unwrap_err();
        let mut count = 0;
        while attempts.pause(failure(Retry::Backoff)).await.is_ok() {
            count += 1;
        }
        assert!((2..20).contains(&count), "{count}");
        assert!(begun.elapsed() < time && attempts.limit() <= time / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a60_waits_of_nothing_at_all_do_not_become_a_flood() {
        let mut attempts = Attempts::new(Endpoint::Route, Duration::from_secs(60));
        let mut count = 0;
        while attempts.pause(failure(Retry::At(clock::now()))).await.is_ok() {
            count += 1;
        }
        assert!(count < 20, "{count}");
    }

    #[test]
    fn a52_a_refusal_that_repeats_the_api_key_is_not_shown() {
        let key: ApiKey = "amp_live_sk_7f53efb3fb6588af".parse().unwrap();
        let body = br#"{"error":"unauthorized","message":"amp_live_sk_7f53efb3fb6588af is unknown"}"#;
        let answer = without_key(AnswerParts::new(401).with_body(body.to_vec()), Some(&key));
        assert_eq!(ApiError::from_parts(&answer).to_string(), "401");
    }
}
