use std::time::Instant;

use clap::Args;

use super::CommandContext;
use super::{registries, wait_for_copies};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{ImageRef, ManifestDigest, Tag};
use crate::registry::copy::{self, Copied, Endpoint};
use crate::registry::{Registry, RegistryError};
use crate::report::answers;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Image to copy: `host/repository[:tag][@digest]` [default tag: latest].
    from: String,
    /// Destination: `host/repository[:tag]`; without a tag, the image is reachable by its digest only.
    to: String,
}

pub(super) fn run(command: &CommandContext, arguments: &Arguments) -> Result<Exit, Error> {
    let CommandContext { options, environment, output } = command;
    let (from, to): (ImageRef, ImageRef) = (arguments.from.parse()?, arguments.to.parse()?);
    if to.digest.is_some() {
        return Err(Error::ChosenDigest(to));
    }
    let started = Instant::now();

    environment.check_trust("copy images")?;
    let (digest, copied) = wait_for_copies(async {
        let source = registries::registry_of(&from, environment).await?;
        let destination = registries::registry_of(&to, environment).await?;
        let digest = digest_of(source.as_ref(), &from).await?;
        let source = Endpoint::new(source.as_ref(), &from.repository)?;
        let target = Endpoint::new(destination.as_ref(), &to.repository)?;
        let copied = copy::image(&source, &target, &digest).await?;
        destination.tag(&to.repository, &digest, to.tag.as_slice()).await?;
        Ok((digest, copied))
    })?;

    let seconds = started.elapsed().as_secs_f64();
    if options.json {
        output.json(&answers::promote(&from, &to, &digest, &copied, seconds));
    } else {
        output.stdout(&sentence(&to, &digest, &copied, seconds));
    }
    Ok(Exit::Done)
}

/// What `image` stands for: its digest if it has one, else what the registry says of its tag.
async fn digest_of(registry: &dyn Registry, image: &ImageRef) -> Result<ManifestDigest, Error> {
    if let Some(digest) = image.digest {
        return Ok(digest);
    }
    let tag = image.tag.clone().unwrap_or_else(Tag::latest);
    let found = registry.find(&image.repository, &tag).await?;
    Ok(found.ok_or_else(|| RegistryError::Missing { image: Box::new(image.tagged(tag)) })?)
}

fn sentence(to: &ImageRef, digest: &ManifestDigest, copied: &Copied, seconds: f64) -> String {
    let Copied { bytes_sent, blobs_sent, blobs_skipped, blobs_mounted, .. } = copied;
    format!(
        "{to} is {digest}: {blobs_sent} blobs sent ({bytes_sent} bytes), {blobs_skipped} skipped, \
         {blobs_mounted} mounted, in {seconds:.1} s\n"
    )
}
