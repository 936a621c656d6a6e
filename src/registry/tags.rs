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
        match response.status() {
            StatusCode::OK => {
                let next = next_page(repository, url, response.headers())?;
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

/// The next page of the list at `here`, from `Link: <…>; rel="next"` (RFC 8288); `None` at its end.
///
/// It is asked for where this one was: a registry behind a proxy may name an address that only the proxy knows.
///
/// # Errors
/// [`RegistryError::Malformed`] when it is no page of the same list.
pub(super) fn next_page(
    image: &ImageRef,
    here: &Url,
    headers: &HeaderMap,
) -> Result<Option<Url>, RegistryError> {
    let values = headers.get_all(LINK).into_iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    for value in values {
        // Of several links, too.
        let links = value.split('<').skip(1).map(|link| link.split_once('>').unwrap_or((link, "")));
        for (target, relation) in links {
            if !relation.contains("next") {
                continue;
            }
            let next = here.join(target).ok().filter(|next| {
                let path = next.path().replace("%3A", ":").replace("%3a", ":");
                path.ends_with(here.path())
            });
            let next = next.ok_or_else(|| {
                RegistryError::malformed(image, "the next page of its list is of another one")
            })?;
            let mut page = here.clone();
            page.set_query(next.query());
            return Ok(Some(page));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(links: &[&'static str]) -> Result<Option<String>, RegistryError> {
        let here = Url::parse("https://r.example/v2/api/tags/list?n=1000").unwrap();
        let headers = links.iter().map(|link| (LINK, link.parse().unwrap())).collect();
        Ok(next_page(&"r.example/api".parse().unwrap(), &here, &headers)?.map(String::from))
    }

    #[test]
    fn the_next_page_is_of_the_same_list_at_the_same_registry() {
        let page = || Some("https://r.example/v2/api/tags/list?n=1000&last=b".to_owned());
        for links in [
            &[r#"</v2/api/tags/list?n=1000&last=b>; rel="next""#][..],
            &["<?n=1000&last=b>; rel=next"],
            &[r#"<http://inside:5000/v2/api/tags/list?n=1000&last=b>; rel="next""#],
            &[r#"<https://r.example/docker/v2/api/tags/list?n=1000&last=b>; rel="next""#],
            &[r#"</v2/api/tags/list>; rel="prev", </v2/api/tags/list?n=1000&last=b>; rel="next""#],
            &[r#"</v2/api/tags/list>; rel="prev""#, r#"</v2/api/tags/list?n=1000&last=b>; rel="next""#],
        ] {
            assert_eq!(next(links).unwrap(), page(), "{links:?}");
        }
        assert_eq!(next(&[]).unwrap(), None);
        assert_eq!(next(&[r#"</v2/api/tags/list>; rel="prev""#]).unwrap(), None);
    }

    #[test]
    fn a_next_page_that_is_none_of_this_list_is_an_error_and_not_the_end() {
        for link in [
            r#"</v2/other/tags/list?last=b>; rel="next""#,
            r#"<https://other.example/>; rel="next""#,
            r#"<http://[/v2/api/tags/list>; rel="next""#,
        ] {
            let error = next(&[link]).unwrap_err();
            assert!(matches!(error, RegistryError::Malformed { .. }), "{link}: {error}");
        }
    }
}
