// A library for programs to load from an artifact.
extern "C" int answer();
int answer() { return 42; }
