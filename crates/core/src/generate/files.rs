//! The files of a session's configuration: private, replaced at each start, written without following links.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::generate::{Draft, Files};
use crate::repository::file::dir::Dir;
use crate::runner::process::SessionDirectory;

const INSTRUCTIONS: &str = "instructions.md";
const SETTINGS: &str = "settings.json";
const MCP_CONFIG: &str = "mcp.json";

/// Writes the files into `config`, and removes those of an earlier start that are not needed now.
pub fn write(directory: &SessionDirectory, draft: &Draft) -> Result<Files> {
    let config = directory.open_config()?;
    Ok(Files {
        instructions: put(&config, INSTRUCTIONS, draft.instructions.as_deref())?,
        settings: put(&config, SETTINGS, draft.settings.as_deref())?,
        mcp_config: put(&config, MCP_CONFIG, draft.mcp_config.as_deref())?,
    })
}

fn put(config: &Dir, name: &str, text: Option<&str>) -> Result<Option<PathBuf>> {
    let path = config.path().join(name);
    let failed = |action| {
        let path = path.clone();
        move |source| Error::io(None, &path, action, source)
    };
    match config.remove_file(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("replacing")(error)),
        _ => {}
    }
    let Some(text) = text else { return Ok(None) };
    let mut file = config.create_file(name).map_err(failed("creating"))?;
    file.write_all(text.as_bytes()).map_err(failed("writing"))?;
    Ok(Some(path))
}
