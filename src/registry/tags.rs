//! Which tags a repository has, page by page (OCI distribution specification, § Listing Tags).

use reqwest::header::{HeaderMap, LINK};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::authorization::Scope;
use super::distribution::is_absent;
use super::error::RegistryError;
use super::http::{read_answer, read_body, refusal, refuse};
use super::transport::Transport;
use crate::model::{ImageRef, Tag};

/// A page of a thousand tags of full length takes 135 KB.
const MAX_PAGE_BYTES: usize = 4 << 20;

/// More tags than any registry keeps in one repository: ECR's limit is 100,000 images.
const MAX_PAGES: usize = 1_000;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Transport {
    /// All tags of a repository; none when the registry doesn't know it.
    ///
    /// # Errors
    /// Any trouble, and a list that doesn't end.
    pub(super) async fn tags(&self, repository: &ImageRef) -> Result<Vec<Tag>, RegistryError> {
        let mut url = self.url(&format!("/v2/{}/tags/list", repository.repository));
        url.set_query(Some("n=1000"));
        let mut tags = Vec::new();
        for _ in 0..MAX_PAGES {
            let Some((page, next)) = self.retrying(async || self.page(repository, &url).await).await? else {
                return Ok(tags);
            };
            // What is no tag by the specification's grammar is none of ours.
            tags.extend(page.tags.unwrap_or_default().iter().filter_map(|tag| tag.parse().ok()));
            match next {
                Some(next) => url = next,
                None => return Ok(tags),
            }
        }
        Err(RegistryError::malformed(repository, "its list of tags does not end"))
    }

    async fn page(
        &self,
        repository: &ImageRef,
        url: &Url,
    ) -> Result<Option<(Page, Option<Url>)>, RegistryError> {
        let response = self.send(repository, Scope::Pull, self.client().get(url.clone())).await?;
        let next = next_page(url, response.headers());
        match response.status() {
            StatusCode::OK => {
                let body = read_body(repository, response, MAX_PAGE_BYTES).await?;
                let page = serde_json::from_slice(&body)
                    .map_err(|_| RegistryError::malformed(repository, "its list of tags is none"))?;
                Ok(Some((page, next)))
            }
            StatusCode::NOT_FOUND => {
                let headers = response.headers().clone();
                let answer = read_answer(repository, response).await?;
                match is_absent(&headers, &answer) {
                    true => Ok(None),
                    false => Err(refusal(repository, StatusCode::NOT_FOUND, &headers, answer)),
                }
            }
            _ => Err(refuse(repository, response).await?),
        }
    }
}

/// The URL in `Link: <…>; rel="next"` (RFC 8288), if it stays at this registry.
pub(super) fn next_page(here: &Url, headers: &HeaderMap) -> Option<Url> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (target, relation) = link.strip_prefix('<')?.split_once('>')?;
    let next = here.join(target).ok()?;
    (relation.contains("next") && next.origin() == here.origin()).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(link: &'static str) -> Option<String> {
        let here = Url::parse("https://r.example/v2/api/tags/list?n=1000").unwrap();
        let headers = [(LINK, link.parse().unwrap())].into_iter().collect();
        next_page(&here, &headers).map(String::from)
    }

    #[test]
    fn the_next_page_is_at_the_same_registry() {
        let whole = Some("https://r.example/v2/api/tags/list?n=1000&last=b".to_owned());
        assert_eq!(next(r#"</v2/api/tags/list?n=1000&last=b>; rel="next""#), whole);
        assert_eq!(next(r#"<https://other.example/v2/api/tags/list>; rel="next""#), None);
        assert_eq!(next(r#"</v2/api/tags/list>; rel="prev""#), None);
    }
}
