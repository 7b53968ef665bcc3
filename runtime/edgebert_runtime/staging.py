import shutil, os, hashlib
from contextlib import contextmanager
from edgebert_runtime.manifest import FileInfo
@contextmanager
def new_bundle(d, *, overwrite=False):
    s=d.parent/("."+d.name+".st"); shutil.rmtree(s,ignore_errors=True); s.mkdir(parents=True)
    try: yield s
    except BaseException: shutil.rmtree(s); raise
    shutil.rmtree(d,ignore_errors=True); s.rename(d)
def hash_file(p):
    b=p.read_bytes(); return FileInfo(size_bytes=len(b),sha256=hashlib.sha256(b).hexdigest())
def hash_folder(f): return {p.relative_to(f).as_posix():hash_file(p) for p in sorted(f.rglob("*")) if p.is_file() and p.name!="edgebert.json"}
@contextmanager
def staging_area(f):
    s=f/".st"; s.mkdir()
    try: yield s
    finally: shutil.rmtree(s)
def add_to_bundle(f,staged,m):
    for k,v in staged.items(): v.rename(f/k)
    (f/"edgebert.json").write_text(m.to_json())
