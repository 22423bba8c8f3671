// What keeps the store's promises, piece by piece: the code, what would be there without it, and the test that fails then.

const ORDER = ['faults', 'every system call']
const SUITE = ['suite']
const RUST = ['rust']

export const SAFEGUARDS = [
  {
    name: 'fsync of the file before it is renamed',
    file: 'file/commit.rs',
    code: 'if self.durability == Durability::Full { file.sync_all() } else { Ok(()) }',
    instead: 'Ok(())',
    caughtBy: ORDER,
  },
  {
    name: 'fsync of the group’s directory after the rename',
    file: 'file/commit.rs',
    code: `        group
            .sync()
            .and_then(|()| held.check_file_system())`,
    instead: `        held
            .check_file_system()`,
    caughtBy: ORDER,
  },
  {
    name: 'fsync of the base directory for a group’s own entry',
    file: 'file/commit.rs',
    code: 'self.base.sync().map_err',
    instead: 'Ok(()).map_err',
    caughtBy: ORDER,
  },
  {
    name: 'fsync of the directories above the base',
    file: 'file/commit.rs',
    code: 'above.sync()?;',
    instead: '',
    caughtBy: ORDER,
  },
  {
    name: 'fsync of a file that was stored without one',
    file: 'file/commit.rs',
    code: 'group.open_file(META).and_then(|file| file.sync_all())',
    instead: 'group.open_file(META).map(drop)',
    caughtBy: ORDER,
  },
  {
    name: 'fsync of both directories after a deletion',
    file: 'file/trash.rs',
    code: 'for dir in [base, &trash] {',
    instead: 'for dir in [&trash] {',
    caughtBy: ORDER,
  },
  {
    name: 'the question whether the file system still works after an fsync',
    file: 'file/locks.rs',
    code: 'rustix::io::pread(&self.file, &mut [0; 1], 0)?;',
    instead: 'let _ = &self.file;',
    caughtBy: ['faults', 'on xfs'],
  },
  {
    name: 'the lock',
    file: 'file/locks.rs',
    code: 'match file.try_lock() {',
    instead: 'match Ok::<(), TryLockError>(()) {',
    caughtBy: ['faults', 'no update is lost'],
  },
  {
    name: 'the check that the locked file is the one in the store',
    file: 'file/locks.rs',
    code: 'is_some_and(|there| there.st_ino == held)',
    instead: 'is_none_or(|there| there.st_ino != 0 || held == 0)',
    caughtBy: ['faults', 'removed by hand'],
  },
  {
    name: 'all locks made at once',
    file: 'file/locks.rs',
    code: 'for stripe in 0..STRIPES {',
    instead: 'for stripe in 0..1 {',
    caughtBy: SUITE,
  },
  {
    name: 'the comparison of the written size',
    file: 'file/commit.rs',
    code: 'if length != bytes.len() as u64 {',
    instead: 'if length > bytes.len() as u64 {',
    caughtBy: ['faults', 'every system call'],
  },
  {
    name: 'the exclusive creation of the temporary file',
    file: 'file/dir.rs',
    code: 'OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW',
    instead: 'OFlags::CREATE | OFlags::NOFOLLOW',
    caughtBy: ORDER,
  },
  {
    name: 'no link followed when the temporary file is made',
    file: 'file/dir.rs',
    code: 'OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW',
    instead: 'OFlags::CREATE | OFlags::EXCL',
    caughtBy: ORDER,
  },
  {
    name: 'no link followed to a file that is read',
    file: 'file/dir.rs',
    code: 'OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK',
    instead: 'OFlags::RDONLY | OFlags::NONBLOCK',
    caughtBy: SUITE,
  },
  {
    name: 'no waiting for the writer of a pipe',
    file: 'file/dir.rs',
    code: 'OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK',
    instead: 'OFlags::RDONLY | OFlags::NOFOLLOW',
    caughtBy: SUITE,
  },
  {
    name: 'no link followed to a directory',
    file: 'file/dir.rs',
    code: 'OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW',
    instead: 'OFlags::RDONLY | OFlags::DIRECTORY',
    caughtBy: SUITE,
  },
  {
    name: 'no link followed to a lock',
    file: 'file/dir.rs',
    code: 'OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW',
    instead: 'OFlags::RDWR | OFlags::CREATE',
    caughtBy: SUITE,
  },
  {
    name: 'only regular files are read',
    file: 'file/read.rs',
    code: 'if !metadata.is_file() {',
    instead: 'if metadata.is_dir() {',
    caughtBy: SUITE,
  },
  {
    name: 'only files of this user are read',
    file: 'file/read.rs',
    code: 'if metadata.uid() != rustix::process::geteuid().as_raw() {',
    instead: 'if metadata.uid() == u32::MAX {',
    caughtBy: SUITE,
  },
  {
    name: 'no file over 64 MiB is read',
    file: 'file/layout.rs',
    code: 'LARGEST_FILE: u64 = 64 * 1024 * 1024;',
    instead: 'LARGEST_FILE: u64 = 256 * 1024 * 1024;',
    caughtBy: SUITE,
  },
  {
    name: 'refusal of a base directory that everyone may write to',
    file: 'file/read.rs',
    code: 'if mode & 0o002 == 0 {',
    instead: 'if mode & 0o002 != 1 {',
    caughtBy: SUITE,
  },
  {
    name: 'the id is that of the directory',
    file: 'file/read.rs',
    code: 'if document.id() == id {',
    instead: 'if document.id() == id || !id.as_str().is_empty() {',
    caughtBy: SUITE,
  },
  {
    name: 'a group that cannot be read is not overwritten',
    file: 'file/store.rs',
    code: '            return reply.tell(Err(error));',
    instead: `            let stored = Stored { group: None, bytes: None };
            return self.write_together(id, &stored, vec![Pending { id: id.clone(), task, durability, deadline: Instant::now(), reply }], held);`,
    caughtBy: SUITE,
  },
  {
    name: 'a group of a newer version is not written',
    file: 'file/store.rs',
    code: 'now.and_then(Document::newer_schema).filter(|_| !write.deletes())',
    instead: 'now.and_then(Document::newer_schema).filter(|_| false)',
    caughtBy: SUITE,
  },
  {
    name: 'the precondition ifRevision',
    file: 'change.rs',
    code: 'if stored.revision() == *revision =>',
    instead: 'if stored.revision() == *revision || !revision.as_str().is_empty() =>',
    caughtBy: RUST,
  },
  {
    name: 'the precondition ifAbsent',
    file: 'change.rs',
    code: '(Self::IfAbsent, Some(_)) => "it was to be absent".to_owned(),',
    instead: '(Self::IfAbsent, Some(_)) => return Ok(()),',
    caughtBy: RUST,
  },
  {
    name: 'one bad update of several fails alone',
    file: 'file/store.rs',
    code: '                Err(error) => (false, Err(error)),',
    instead: `                Err(error) => {
                    first_effect.get_or_insert(0);
                    now = None;
                    (false, Err(error))
                }`,
    caughtBy: SUITE,
  },
  {
    name: 'the temporary file is removed when a write fails',
    file: 'file/commit.rs',
    code: 'let _ = group.remove_file(&name);',
    instead: 'let _ = &name;',
    caughtBy: ['faults', 'the disk is full'],
  },
  {
    name: 'the directory made for a group is removed when its write fails',
    file: 'file/commit.rs',
    code: 'let _ = self.base.remove_dir(self.id.as_str());',
    instead: 'let _ = self.id;',
    caughtBy: ['faults', 'the disk is full'],
  },
  {
    name: 'what may still be under way is not swept',
    file: 'file/trash.rs',
    code: 'age.is_ok_and(|age| age > OLD)',
    instead: 'age.is_ok_and(|age| age < OLD)',
    caughtBy: RUST,
  },
  {
    name: 'updates that wait are written together',
    file: 'file/queue.rs',
    code: 'batch.len() < LARGEST_BATCH',
    instead: 'batch.len() < LARGEST_BATCH / LARGEST_BATCH',
    caughtBy: ['faults', 'written together'],
  },
  {
    name: 'a lock held elsewhere holds no thread',
    file: 'file/queue.rs',
    code: 'return Some((jittered(pause), (pause * 2).min(LONGEST_PAUSE)));',
    instead: `std::thread::sleep(Duration::from_secs(2));
                    return Some((jittered(pause), (pause * 2).min(LONGEST_PAUSE)));`,
    caughtBy: ['faults', 'a lock is held elsewhere'],
  },
]
