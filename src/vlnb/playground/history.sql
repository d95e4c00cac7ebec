-- The schema of the history. WAL: one kernel may write while others read. The triggers keep derived tables up to date.
PRAGMA journal_mode = WAL;
BEGIN IMMEDIATE;
CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- AUTOINCREMENT: the number of a deleted run is not reused
  run TEXT NOT NULL                      -- a `Run` as JSON
);
CREATE TABLE shown (run_id INTEGER NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (run_id, sha256)) WITHOUT ROWID;
CREATE INDEX shown_by_file ON shown (sha256);
CREATE VIRTUAL TABLE words USING fts5 (asked, answered, tokenize = 'unicode61 remove_diacritics 2');

CREATE TRIGGER added AFTER INSERT ON runs BEGIN
  INSERT INTO shown SELECT DISTINCT new.id, atom FROM json_tree(new.run, '$.question') WHERE key = 'sha256';
  INSERT INTO words (rowid, asked, answered) SELECT
    new.id,
    (SELECT group_concat(atom, ' ') FROM json_tree(new.run) WHERE atom IS NOT NULL AND (
      key IN ('prompt', 'system', 'name', 'model', 'server') OR path = '$.question.variables')),
    json_extract(new.run, '$.answer');
END;
CREATE TRIGGER changed AFTER UPDATE ON runs BEGIN
  UPDATE words SET answered = json_extract(new.run, '$.answer') || ' ' || json_extract(new.run, '$.error')
    WHERE rowid = new.id;
END;
CREATE TRIGGER deleted AFTER DELETE ON runs BEGIN
  DELETE FROM words WHERE rowid = old.id;
  DELETE FROM shown WHERE run_id = old.id;
END;
PRAGMA user_version = 1;
COMMIT;
