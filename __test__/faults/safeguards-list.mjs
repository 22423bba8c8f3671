// The safeguards of the store. A comment `// safeguard: NAME` marks each in the code. Each entry has the text that replaces
// the line after its mark, or several lines, and the test that must then fail.

const ORDER = ['faults', 'every system call']
const SUITE = ['suite']
/** Where the kernel's notifications would be trusted, this safeguard is not needed. */
const POLLING = ['suite', 'polling']
const RUST = ['rust']

export const SAFEGUARDS = [
  {
    name: 'fsync of the file before it is renamed',
    instead: 'Ok(())',
    caughtBy: ORDER,
  },
  {
    name: 'fsync of the group’s directory after the rename',
    lines: 2,
    instead: `held
    .check_file_system()`,
    caughtBy: ORDER,
  },
  {
    name: 'fsync of the base directory for a group’s own entry',
    instead: 'Ok(()).map_err(self.refused("syncing", self.base.path()))?;',
    caughtBy: ORDER,
  },
  {
    name: 'a directory is known by its time of creation, too',
    instead: 'let born = (0, 0);',
    caughtBy: ['faults', 'made anew'],
  },
  {
    name: 'fsync of the directories above the base',
    instead: '',
    caughtBy: ORDER,
  },
  {
    name: 'fsync of the directories above the base before each durable write',
    instead:
      'let synced = if stored.bytes.is_none() { self.synced_base.ensure(&guard.base) } else { Ok(()) };',
    caughtBy: RUST,
  },
  {
    name: 'fsync of a file that was stored without one',
    instead: 'group.open_file(META).map(drop).map_err(not_durable)?;',
    caughtBy: ORDER,
  },
  {
    name: 'fsync of both directories after a deletion',
    instead: 'for dir in [&trash] {',
    caughtBy: ORDER,
  },
  {
    name: 'the question whether the file system still works after an fsync',
    instead: 'Ok(())',
    caughtBy: ['faults', 'on xfs'],
  },
  {
    name: 'the lock',
    instead: 'match Ok::<(), TryLockError>(()) {',
    caughtBy: ['faults', 'no update is lost'],
  },
  {
    name: 'the check that the locked file is the one in the store',
    instead:
      'base.stat(&format!("{LOCKS}/{name}"))?.is_none_or(|there| there.fingerprint().inode != 0 || held == 0);',
    caughtBy: ['faults', 'removed by hand'],
  },
  {
    name: 'a lock is free at once',
    instead: '',
    caughtBy: RUST,
  },
  {
    name: 'a look at the lock of a run does not keep it',
    instead: '',
    caughtBy: RUST,
  },
  {
    name: 'all locks made at once',
    instead: 'for stripe in 0..1 {',
    caughtBy: SUITE,
  },
  {
    name: 'the comparison of the written size',
    instead: 'if length > bytes.len() as u64 {',
    caughtBy: ORDER,
  },
  {
    name: 'the exclusive creation of the temporary file',
    instead: 'let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;',
    caughtBy: ORDER,
  },
  {
    name: 'no link followed when the temporary file is made',
    instead: 'let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;',
    caughtBy: ORDER,
  },
  {
    name: 'no link followed to a file that is read',
    instead: 'let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;',
    caughtBy: SUITE,
  },
  {
    name: 'no waiting for the writer of a pipe',
    instead: 'let flags = OFlags::RDONLY | OFlags::CLOEXEC;',
    caughtBy: SUITE,
  },
  {
    name: 'no link followed on the way to a file that is read',
    instead: 'Ok(File::from(openat2(&self.file, path, flags, Mode::empty(), ResolveFlags::empty())?))',
    caughtBy: SUITE,
  },
  {
    name: 'no link followed to a group that is known',
    instead: 'FileType::Directory | FileType::Symlink => true,',
    caughtBy: POLLING,
  },
  {
    name: 'what is known of a file counts only while it is the same',
    instead: '(of.device == fingerprint.device).then_some(fields)',
    caughtBy: SUITE,
  },
  {
    name: 'a text counts only with the fields that were read with it',
    instead: 'self.texts.get(&fields.id)',
    caughtBy: RUST,
  },
  {
    name: 'the changes up to now are seen before an answer',
    instead: '',
    caughtBy: SUITE,
  },
  {
    name: 'another directory in the place of the base directory',
    instead: 'if self.inotify.as_ref().is_some_and(|inotify| !inotify.is_at(base) && self.clock == 0) {',
    caughtBy: RUST,
  },
  {
    name: 'a base directory that is replaced while its groups are listed',
    instead: '',
    caughtBy: RUST,
  },
  {
    name: 'a change while a group is read',
    lines: 2,
    instead:
      'let is_unchanged = slot.changed >= reading.changed && slot.watch.is_some_and(|it| it.is_of_file);',
    caughtBy: RUST,
  },
  {
    name: 'a group that comes while the groups are listed',
    instead: 'if state.inotify.is_none() || reading.changed > state.listing {',
    caughtBy: RUST,
  },
  {
    name: 'a file on another file system is looked at each time',
    instead: 'let is_there = state.inotify.as_ref().is_some_and(|it| it.device() <= fingerprint.device);',
    caughtBy: RUST,
  },
  {
    name: 'a file that is replaced while it is open elsewhere',
    instead: '',
    caughtBy: RUST,
  },
  {
    name: 'no link followed on the way to a file that is watched',
    instead: 'let directory = Dir::open(&base.path().join(id.as_str())).ok()?;',
    caughtBy: RUST,
  },
  {
    name: 'lost notifications',
    instead: 'if flags.contains(ReadFlags::QUEUE_OVERFLOW) && watch == self.base {',
    caughtBy: RUST,
  },
  {
    name: 'notifications that cannot be read prove nothing',
    lines: 4,
    instead: 'Err(_) => return events,',
    caughtBy: RUST,
  },
  {
    name: 'a process that was forked off leaves the queue to its parent',
    instead: 'self.forks < usize::MAX',
    caughtBy: RUST,
  },
  {
    name: 'a file is the same only while nothing of it has changed',
    instead: 'changed: (0, 1),',
    caughtBy: SUITE,
  },
  {
    name: 'what has just changed is read again',
    instead: 'if is_unchanged {',
    caughtBy: RUST,
  },
  {
    name: 'no link followed to a directory',
    instead: 'let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;',
    caughtBy: SUITE,
  },
  {
    name: 'no link followed to a lock',
    instead: 'let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK | OFlags::CLOEXEC;',
    caughtBy: SUITE,
  },
  {
    name: 'only regular files are read',
    instead: 'if stat.kind() == Kind::Directory {',
    caughtBy: SUITE,
  },
  {
    name: 'only files of this user are read',
    instead: 'if stat.fingerprint().inode == 0 {',
    caughtBy: SUITE,
  },
  {
    name: 'no file over 64 MiB is read',
    instead: 'pub(crate) const LARGEST_GROUP: usize = 256 * 1024 * 1024;',
    caughtBy: SUITE,
  },
  {
    name: 'refusal of a base directory that everyone may write to',
    instead: '(mode & 0o002 == 1).then_some(mode)',
    caughtBy: SUITE,
  },
  {
    name: 'the id is that of the directory',
    instead: 'if document.id() == id || !id.as_str().is_empty() {',
    caughtBy: SUITE,
  },
  {
    name: 'a group that cannot be read is not overwritten',
    lines: 2,
    instead: `let stored = Stored::default();
waiting.push_front(Ready { task, durability, completion });
return self.write_together(id, &stored, waiting, guard, finished);`,
    caughtBy: SUITE,
  },
  {
    name: 'a group of a newer version is not written',
    instead: 'if let Some(version) = self.copy.newer_schema().filter(|_| false) {',
    caughtBy: SUITE,
  },
  {
    name: 'the precondition ifRevision',
    instead:
      '(Self::IfRevision(revision), Some(stored)) if stored.revision() == *revision || !revision.as_str().is_empty() => return Ok(()),',
    caughtBy: RUST,
  },
  {
    name: 'the precondition ifAbsent',
    instead: '(Self::IfAbsent, Some(_)) => return Ok(()),',
    caughtBy: RUST,
  },
  {
    name: 'one bad update of several fails alone',
    instead: `Err(error) => {
    self.copy = WorkingCopy::new(None);
    (Err(error), false)
}`,
    caughtBy: SUITE,
  },
  {
    name: 'the temporary file is removed when a write fails',
    instead: 'let _ = &name;',
    caughtBy: ['faults', 'the disk is full'],
  },
  {
    name: 'the directory made for a group is removed when its write fails',
    instead: 'let _ = self.id;',
    caughtBy: ['faults', 'the disk is full'],
  },
  {
    name: 'what may still be under way is not swept',
    instead: 'age.is_ok_and(|age| age < OLD)',
    caughtBy: RUST,
  },
  {
    name: 'updates that wait are written together',
    instead: 'while is_open && batch.len() < MAX_BATCH / MAX_BATCH {',
    caughtBy: ['faults', 'written together'],
  },
  {
    name: 'a lock held elsewhere holds no thread',
    instead: `std::thread::sleep(Duration::from_secs(2));
Next::Again(jittered(pause), (pause * 2).min(MAX_PAUSE))`,
    caughtBy: ['faults', 'a lock is held elsewhere'],
  },
  {
    name: 'other writes of a group wait for the function whose turn it is',
    instead: 'queue.is_in_turn = false;',
    caughtBy: SUITE,
  },
  {
    name: 'the lock is kept for a function that has lost its races',
    instead: 'self.losses >= 1_000 * MAX_LOSSES',
    caughtBy: SUITE,
  },
  {
    name: 'the update that a function has computed is written before all else of its group',
    instead: 'next.into_iter().for_each(|next| queue.waiting.push_front(next));',
    caughtBy: RUST,
  },
  {
    name: 'after a panic those who wait look for their outcomes',
    instead: '',
    caughtBy: RUST,
  },
  {
    name: 'a turn that does not begin in time is over',
    instead: '',
    caughtBy: SUITE,
  },
  {
    name: 'only time for which others hold the lock counts',
    instead: 'entry.patience = Patience::Until(self.held_by_others.saturating_add(0 * patience));',
    caughtBy: RUST,
  },
  {
    name: 'a precondition is judged by what is stored',
    instead: '&& (self.first_effect.is_none() || task.needs_stored_state() || !task.deletes())',
    caughtBy: RUST,
  },
  {
    name: 'only what has changed something is not durable',
    instead: 'if member.has_effect || is_visible || !is_visible {',
    caughtBy: RUST,
  },
  {
    name: 'a query looks again at what it cannot understand',
    instead: 'drop(suspect);',
    caughtBy: SUITE,
  },
  {
    name: 'a group of another user is not deleted',
    instead: 'is_group_local(error)',
    caughtBy: SUITE,
  },
  {
    name: 'a save replaces unparsed only what this process has written',
    instead: 'self.revisions().get(id).is_some_and(|_| !bytes.is_empty())',
    caughtBy: RUST,
  },
  {
    name: 'no link followed to a file that is appended to',
    lines: 6,
    instead:
      'let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | OFlags::CLOEXEC;',
    caughtBy: RUST,
  },
  {
    name: 'events are numbered by the commit that stores what they report',
    lines: 2,
    instead: 'let _ = (newest, stored);',
    caughtBy: RUST,
  },
  {
    name: 'a line that was not ended is ended before the next one',
    instead: 'let ending = "";',
    caughtBy: RUST,
  },
  {
    name: 'events that are missing are reported',
    instead: 'if newest > event.seq() {',
    caughtBy: RUST,
  },
  {
    name: 'only regular files of this user hold a feed',
    instead: 'if stat.kind() == Kind::Other {',
    caughtBy: RUST,
  },
  {
    name: 'a file that was replaced, or that others have edited',
    instead: 'Ok(has(&self.first, file, 0)? || has(&self.last, file, 0)? || self.offset > 0)',
    caughtBy: RUST,
  },
  {
    name: 'a line is read once it is ended',
    instead: 'let _ = end;',
    caughtBy: RUST,
  },
  {
    name: 'each event is returned once',
    instead: 'if seq == 0 {',
    caughtBy: RUST,
  },
  {
    name: 'a reader is told of what it misses',
    instead: 'if last_missing == 0 {',
    caughtBy: RUST,
  },
  {
    name: 'events answer the request that they were read for',
    lines: 2,
    instead: `drop(state);
let done = self.request().take();`,
    caughtBy: ['faults', 'readers follow'],
  },
]
