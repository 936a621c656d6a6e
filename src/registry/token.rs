//! What a token service is asked for and what it answers, by the distribution specification's token authentication.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;

use super::authorization::{Authorization, Scope};
use crate::model::{Host, ImageRef, Login, Secret};

/// What a token service is asked for.
pub(super) struct TokenQuestion<'q> {
    pub(super) realm: Url,
    pub(super) service: Option<&'q str>,
    pub(super) image: &'q ImageRef,
    pub(super) scope: &'q Scope,
}

impl TokenQuestion<'_> {
    /// An identity token goes into a form, by the OAuth 2.0 variant of the distribution specification's token authentication. A
    /// password goes into a header.
    pub(super) fn request(&self, client: &Client, login: Option<Login>) -> RequestBuilder {
        match login {
            None => client.get(self.url()),
            Some(Login::Password(credentials)) => {
                Authorization::Basic(credentials).put_on(client.get(self.url()))
            }
            Some(Login::IdentityToken(token)) => client
                .post(self.realm.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(self.form(&token)),
        }
    }

    fn url(&self) -> Url {
        let mut url = self.realm.clone();
        url.query_pairs_mut()
            .extend_pairs(self.service.map(|service| ("service", service)))
            .extend_pairs(self.scopes().iter().map(|scope| ("scope", scope)));
        url
    }

    fn form(&self, token: &Secret) -> String {
        let mut url = self.realm.clone();
        url.query_pairs_mut()
            .clear()
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", "chinampa")
            .extend_pairs(self.service.map(|service| ("service", service)))
            .append_pair("scope", &self.scopes().join(" "))
            .append_pair("refresh_token", token.reveal());
        url.query().unwrap_or_default().to_owned()
    }

    fn scopes(&self) -> Vec<String> {
        let actions = match self.scope {
            Scope::Pull => "pull",
            Scope::Push | Scope::MountFrom(_) => "pull,push",
            Scope::Delete => "pull,delete",
        };
        let mut scopes = vec![format!("repository:{}:{actions}", self.image.repository)];
        if let Scope::MountFrom(other) = self.scope {
            scopes.push(format!("repository:{other}:pull"));
        }
        scopes
    }
}

/// The answer of a token service, by the distribution specification's token authentication.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    /// The same, as OAuth 2.0 names it; either is there, or both.
    access_token: Option<String>,
}

pub(super) fn read_token(body: &[u8]) -> Option<Secret> {
    let answer: TokenAnswer = serde_json::from_slice(body).ok()?;
    answer.token.or(answer.access_token).map(Secret::new)
}

/// Whether a token may be asked of this address for the registry at `base`, which chose it.
///
/// What nobody can read on the way goes anywhere: the registry gets the credentials itself. Without TLS they go to the registry's own
/// host, or stay on this machine; without credentials nothing is lost where the registry itself is spoken to without TLS.
pub(super) fn is_safe(url: &Url, base: &Url, has_credentials: bool) -> bool {
    let is_own_host = url.host().is_some() && url.host() == base.host();
    let are_loopback = is_loopback(url) && is_loopback(base);
    url.scheme() == "https"
        || url.scheme() == "http"
            && base.scheme() == "http"
            && (is_own_host || are_loopback || !has_credentials)
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().and_then(|host| host.parse::<Host>().ok()).is_some_and(|host| host.is_loopback())
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::*;
    use crate::tls::http_client;

    #[test]
    fn a_token_may_have_either_name_or_both() {
        for (body, expected) in [
            (r#"{"token":"a","expires_in":300}"#, Some("a")),
            (r#"{"access_token":"b"}"#, Some("b")),
            (r#"{"token":"a","access_token":"b"}"#, Some("a")),
            (r#"{"token":null,"access_token":"b"}"#, Some("b")),
            (r#"{"token":1}"#, None),
            ("{}", None),
            ("a", None),
        ] {
            let token = read_token(body.as_bytes());

            assert_eq!(token.as_ref().map(Secret::reveal), expected, "{body}");
        }
    }

    // issue 12: S5
    #[test]
    fn a_password_goes_to_a_token_service_only_where_nobody_reads_along() {
        let is_safe = |base: &str, url: &str| {
            let (base, url) = (Url::parse(base).unwrap(), Url::parse(url).unwrap());
            (is_safe(&url, &base, true), is_safe(&url, &base, false))
        };

        for (base, url, with_and_without_credentials) in [
            ("https://r.example", "https://auth.example/token", (true, true)),
            ("http://r.example", "https://auth.example/token", (true, true)),
            ("http://r.example", "http://r.example:81/token", (true, true)),
            ("http://localhost:5000", "http://127.0.0.1:5001/token", (true, true)),
            ("http://[::1]:5000", "http://localhost/token", (true, true)),
            ("http://localhost:5000", "http://auth.example/token", (false, true)),
            ("http://r.example", "http://localhost/token", (false, true)),
            ("http://r.example", "http://r.example.evil.example/token", (false, true)),
            ("https://r.example", "http://r.example/token", (false, false)),
            ("https://r.example", "ftp://r.example/token", (false, false)),
            ("http://r.example", "file:///token", (false, false)),
        ] {
            assert_eq!(is_safe(base, url), with_and_without_credentials, "{base} {url}");
        }
    }

    fn question<'q>(
        realm: &str,
        service: Option<&'q str>,
        image: &'q ImageRef,
        scope: &'q Scope,
    ) -> TokenQuestion<'q> {
        TokenQuestion { realm: Url::parse(realm).unwrap(), service, image, scope }
    }

    #[test]
    fn a_token_is_asked_for_one_repository_and_scope() {
        let image: ImageRef = "r.example/team/api".parse().unwrap();

        let question = question("https://auth.example/token?a=b", Some("r e"), &image, &Scope::Push);

        assert_eq!(
            question.url().as_str(),
            "https://auth.example/token?a=b&service=r+e&scope=repository%3Ateam%2Fapi%3Apull%2Cpush"
        );
    }

    #[test]
    fn what_is_mounted_needs_a_token_for_both_repositories() {
        let image: ImageRef = "r.example/api".parse().unwrap();
        let scope = Scope::MountFrom("cache/api".parse().unwrap());

        let question = question("https://auth.example/token", None, &image, &scope);

        assert_eq!(
            question.url().as_str(),
            "https://auth.example/token?scope=repository%3Aapi%3Apull%2Cpush&scope=repository%3Acache%2Fapi%3Apull"
        );
    }

    // issue 14: E1
    #[test]
    fn an_identity_token_is_exchanged_in_a_form() {
        let image: ImageRef = "r.example/api".parse().unwrap();
        let scope = Scope::MountFrom("cache/api".parse().unwrap());
        let question = question("https://auth.example/token?a=b", Some("r"), &image, &scope);

        let login = Login::IdentityToken(Secret::new("t0k&n"));
        let request = question.request(&http_client().build().unwrap(), Some(login)).build().unwrap();

        let form = "grant_type=refresh_token&client_id=chinampa&service=r\
            &scope=repository%3Aapi%3Apull%2Cpush+repository%3Acache%2Fapi%3Apull&refresh_token=t0k%26n";
        assert_eq!(request.body().unwrap().as_bytes().unwrap(), form.as_bytes());
        assert_eq!(
            (request.method(), request.url().as_str()),
            (&Method::POST, "https://auth.example/token?a=b")
        );
        assert_eq!(request.headers()[CONTENT_TYPE], "application/x-www-form-urlencoded");
    }
}
