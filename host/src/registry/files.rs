//! Module files: one for each digest, whole or not there, synced before a control frame names it.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use crate::model::Digest;

pub(super) struct ModuleFiles {
    folder: PathBuf,
}

impl ModuleFiles {
    pub fn open(folder: PathBuf) -> std::io::Result<ModuleFiles> {
        std::fs::create_dir_all(&folder)?;
        Ok(ModuleFiles { folder })
    }

    pub fn read(&self, digest: Digest) -> std::io::Result<Vec<u8>> {
        std::fs::read(self.path(digest))
    }

    pub fn write(&self, digest: Digest, component: &[u8]) -> std::io::Result<()> {
        let path = self.path(digest);
        // Also over an existing file: it may have been changed.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(component)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }
}
