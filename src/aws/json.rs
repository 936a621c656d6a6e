//! Signed calls of services that speak JSON and have no SDK here.
//!
//! Requests and answers are the JSON that goes over the wire, so what nobody here knows of is carried through. Credentials,
//! signatures, retries, timeouts and the correction of clocks are those of the SDK's own runtime.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::ServiceClockSkewInterceptor;
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_sdk_sts::config::http::{HttpRequest, HttpResponse};
use aws_sdk_sts::error::{BoxError, ErrorMetadata, ProvideErrorMetadata as _, SdkError};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme};
use aws_smithy_runtime_api::client::orchestrator::{OrchestratorError, SensitiveOutput};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{FrozenLayer, Layer};
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{AwsError, Session, endpoint, http};

/// A service of AWS.
#[derive(Debug)]
pub(crate) struct JsonService {
    /// How the configuration names it, such as in `AWS_ENDPOINT_URL_<ID>`.
    pub(crate) id: &'static str,
    /// How host names and signatures name it.
    pub(crate) name: &'static str,
}

/// [AWS JSON](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html): the operation is named in a header.
#[derive(Debug)]
pub(crate) struct Rpc {
    pub(crate) content_type: &'static str,
    /// What is before the operation's name in that header.
    pub(crate) target: &'static str,
}

/// Calls one service in one region.
#[derive(Clone, Debug)]
pub(crate) struct JsonClient {
    session: Session,
    operation: Operation<Request, Value, ErrorMetadata>,
}

/// Why a call failed, after its last retry.
#[derive(Debug)]
pub(crate) struct CallError {
    /// AWS's own word, such as `ServiceNotFoundException`.
    pub(crate) code: Option<String>,
    #[cfg_attr(not(feature = "deploy"), expect(dead_code, reason = "only services show it"))]
    pub(crate) message: Option<String>,
    pub(crate) error: AwsError,
}

/// A request before it has a host and a signature.
#[derive(Debug)]
struct Request {
    method: &'static str,
    path: String,
    headers: BTreeMap<&'static str, String>,
    body: Vec<u8>,
}

impl JsonClient {
    /// Asks nobody yet.
    ///
    /// # Errors
    /// [`AwsError::Request`] when the service has no address as it is configured, [`AwsError::NoCredentials`] when nothing is configured.
    pub(crate) fn new(service: &'static JsonService, session: &Session) -> Result<Self, AwsError> {
        let config = session.config();
        let endpoint = endpoint::of(config, service.id, service.name)?;
        let credentials = config.credentials_provider();
        let credentials = credentials.ok_or_else(|| AwsError::NoCredentials {
            source: "no source of credentials is configured".into(),
        })?;
        let cache = config.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build());
        let components = RuntimeComponentsBuilder::new(service.name)
            .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
            .with_identity_resolver(SCHEME_ID, credentials)
            .with_identity_cache(Some(cache))
            .with_http_client(Some(config.http_client().unwrap_or_else(http::client)))
            .with_time_source(config.time_source());
        let plugin = StaticRuntimePlugin::new()
            .with_config(settings(service, config))
            .with_runtime_components(components);
        let operation = Operation::builder()
            .service_name(service.name)
            .operation_name(service.id)
            .endpoint_url(&endpoint)
            .runtime_plugin(plugin)
            .standard_retry(&config.retry_config().cloned().unwrap_or_else(RetryConfig::standard))
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
            .retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
            .with_connection_poisoning()
            .interceptor(ServiceClockSkewInterceptor::new())
            .interceptor(RequestInfoInterceptor::new())
            .interceptor(UserAgentInterceptor::new())
            .interceptor(InvocationIdInterceptor::new())
            .serializer(serialize)
            .deserializer(deserialize);
        let operation = match config.timeout_config() {
            Some(timeouts) => operation.timeout_config(timeouts.clone()),
            None => operation,
        };
        let operation = match config.sleep_impl() {
            Some(sleep) => operation.sleep_impl(sleep),
            None => operation,
        };
        Ok(Self { session: session.clone(), operation: operation.build() })
    }

    /// Calls an operation by its name.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        rpc: &Rpc,
        operation: &str,
        input: &Value,
    ) -> Result<T, CallError> {
        let target = ("x-amz-target", format!("{}.{operation}", rpc.target));
        self.invoke(Request {
            method: "POST",
            path: "/".to_owned(),
            headers: BTreeMap::from([("content-type", rpc.content_type.to_owned()), target]),
            body: input.to_string().into_bytes(),
        })
        .await
    }

    #[cfg(feature = "deploy")]
    /// Calls an operation of [REST JSON](https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html) by its method
    /// and path, which is percent-encoded.
    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: String,
        input: Option<&Value>,
    ) -> Result<T, CallError> {
        let content_type = input.map(|_| ("content-type", "application/json".to_owned()));
        let body = input.map(|input| input.to_string().into_bytes()).unwrap_or_default();
        self.invoke(Request { method, path, headers: content_type.into_iter().collect(), body }).await
    }

    async fn invoke<T: DeserializeOwned>(&self, request: Request) -> Result<T, CallError> {
        self.session.ready().await.map_err(|error| CallError { code: None, message: None, error })?;
        let answer = self.operation.invoke(request).await.map_err(CallError::new)?;
        serde_json::from_value(answer).map_err(|error| CallError {
            code: None,
            message: None,
            error: AwsError::Unexpected { answer: error.to_string() },
        })
    }
}

impl CallError {
    fn new(error: SdkError<ErrorMetadata, HttpResponse>) -> Self {
        let (code, message) = (error.code().map(str::to_owned), error.message().map(str::to_owned));
        Self { code, message, error: AwsError::new(error) }
    }
}

/// What the SDK's runtime wants to know besides.
fn settings(service: &JsonService, config: &SdkConfig) -> FrozenLayer {
    let mut layer = Layer::new(service.name);
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig::default());
    layer.store_put(SigningName::from_static(service.name));
    layer.store_or_unset(config.region().cloned().map(SigningRegion::from));
    layer.store_put(ApiMetadata::new(service.name, env!("CARGO_PKG_VERSION")));
    // Answers have presigned addresses and environment variables in them: they are not traced.
    layer.store_put(SensitiveOutput);
    layer.freeze()
}

fn serialize(request: Request) -> Result<HttpRequest, BoxError> {
    let mut http = hyper::Request::builder().method(request.method).uri(request.path);
    for (name, value) in request.headers {
        http = http.header(name, value);
    }
    Ok(http.body(SdkBody::from(request.body))?.try_into()?)
}

fn deserialize(response: &HttpResponse) -> Result<Value, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if !response.status().is_success() {
        let code = response.headers().get("x-amzn-errortype");
        return Err(OrchestratorError::operation(error(code, body)));
    }
    match body {
        b"" => Ok(Value::Object(serde_json::Map::new())),
        _ => serde_json::from_slice(body).map_err(|error| OrchestratorError::response(error.into())),
    }
}

/// Reads an error: its code is in a header or in the body, and may have a namespace before it or an address behind it.
fn error(header: Option<&str>, body: &[u8]) -> ErrorMetadata {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str());
    let mut error = ErrorMetadata::builder();
    if let Some(code) = header.or_else(|| text(&["code", "__type"])) {
        let code = code.split(':').next().unwrap_or_default();
        error = error.code(code.rsplit('#').next().unwrap_or_default());
    }
    if let Some(message) = text(&["message", "Message", "errorMessage"]) {
        error = error.message(message);
    }
    error.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_s_code_is_read_wherever_a_protocol_puts_it() {
        for (header, body, code, message) in [
            (
                None,
                r#"{"__type":"AccessDeniedException","message":"no"}"#,
                Some("AccessDeniedException"),
                Some("no"),
            ),
            (
                None,
                r##"{"__type":"com.amazonaws.ecs#ServiceNotFoundException","Message":"no"}"##,
                Some("ServiceNotFoundException"),
                Some("no"),
            ),
            (
                Some("ResourceConflictException:http://x/"),
                r#"{"Type":"User","message":"no"}"#,
                Some("ResourceConflictException"),
                Some("no"),
            ),
            (None, r#"{"code":"A","__type":"B","errorMessage":"no"}"#, Some("A"), Some("no")),
            (None, "<html>", None, None),
            (None, r#"{"__type":1}"#, None, None),
        ] {
            let error = error(header, body.as_bytes());

            assert_eq!((error.code(), error.message()), (code, message), "{body}");
        }
    }
}
