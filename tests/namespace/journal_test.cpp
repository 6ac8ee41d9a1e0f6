#include "namespace/journal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "base/bytes.h"
#include "namespace/session_codec.h"
#include "support/catch.h"
#include "support/sample_records.h"

using namespace artfs;

namespace {

Digest digest_of(unsigned number) { return sha256(std::to_string(number)); }

// Makes records that mean something to a session: what they name is there.
class Story {
public:
    Story(Session& session, unsigned seed) : session_(session), random_(seed) {}

    void step() {
        switch (pick(16)) {
            case 0:
                return begin_run();
            case 1:
                return open_view();
            case 2:
            case 3:
            case 4:
            case 5:
                return change_draft();
            case 6:
                return open_handle();
            case 7:
                return close_handle();
            case 8:
                return use();
            case 9:
                return seal();
            case 10:
                return rebase();
            case 11:
                return name_something();
            case 12:
                return change_run();
            case 13:
                return owe();
            case 14:
                return know_processes();
            default:
                return end_something();
        }
    }

private:
    unsigned pick(unsigned below) { return random_() % below; }
    template <class Map>
    const typename Map::value_type* any_of(const Map& map) {
        if (map.empty()) return nullptr;
        auto at = map.begin();
        std::advance(at, pick(static_cast<unsigned>(map.size())));
        return &*at;
    }
    void apply(Record record) { session_.apply(random_(), std::move(record)); }

    void begin_run() {
        LiveRun run;
        run.record = a_run("run-" + std::to_string(random_()), "train");
        run.record.config = {{"lr", 0.1}, {"deep", {1, 2, 3}}};
        run.record.commands = {{"python", std::string("a\0b", 3)}};
        run.record.executable_digest = digest_of(pick(9));
        run.record.exit_code = -1;
        run.record.resources.user_us = random_();
        run.record.history = {{now(), "me", "describe", {{"after", "x"}}}};
        run.root = {static_cast<pid_t>(pick(30000)), random_()};
        run.for_launcher = pick(3) == 0;
        run.tools.insert(run.root);
        run.pins["data"] = "best";
        apply(StartedRun{run});
    }
    void open_view() {
        View view;
        ViewBase base;
        view.serial = session_.next_serial();
        base.serial = view.base_serial = view.first_serial = view.serial + 1;
        base.view = view.serial;
        base.base = {TreeId{digest_of(pick(9))}, VersionId::make()};
        base.snapshot.metadata = Snapshot::Metadata{digest_of(1), 7};
        base.snapshot.description = "what it is";
        base.snapshot.root_attributes.xattrs["user.a"] = "b";
        view.name = "view-" + std::to_string(view.serial);
        view.artifact = ArtifactId::make();
        view.kind = pick(2) == 0 ? ViewKind::run : ViewKind::launcher;
        if (const auto* run = any_of(session_.runs())) view.run = run->first;
        view.overlay = Overlay(base.snapshot, base.base.version);
        apply(OpenedView{view, base});
        apply(StartedDraft{view.serial, DraftId::make(), now()});
    }
    void change_draft() {
        const auto* view = any_of(session_.views());
        if (view == nullptr) return;
        OverlayNode node;
        node.number = pick(2) == 0 ? view->second.overlay.next_number() : 16 + pick(10);
        node.kind = pick(4) == 0 ? Kind::directory : Kind::file;
        node.parent = root_number;
        node.staging = pick(100);
        node.changed = pick(2) == 0;
        node.atime = now();
        node.origin = Origin{VersionId::make(), pick(9), false};
        node.target = "where";
        if (node.kind == Kind::directory) node.base = DirRef{digest_of(1), digest_of(2), 3, 4};
        ChangedDraft change{view->first, {}, {}, {}};
        change.change.nodes.push_back(node);
        std::optional<OverlayName> leads{OverlayName{node.number, 1 + random_() % 1000}};
        if (pick(5) == 0) leads.reset();
        change.change.names.push_back({root_number, "name" + std::to_string(pick(20)), leads});
        if (pick(7) == 0) change.change.erased.push_back(16 + pick(10));
        auto clean = NodeId::make(NodeKind::view_base, view->second.base_serial, pick(50));
        if (pick(3) == 0) change.switched.push_back({clean, node.number});
        if (pick(5) == 0) change.unlinked.push_back(clean);
        apply(std::move(change));
    }
    void open_handle() {
        Handle handle;
        handle.fh = session_.next_handle();
        handle.node = NodeId::make(NodeKind::view, 1, pick(9));
        handle.write = pick(2) == 0;
        handle.path = pick(2) == 0 ? DataPath::passthrough : DataPath::text;
        handle.run = RunId::make();
        apply(OpenedHandle{handle});
        apply(KeptText{handle.fh, std::make_shared<const std::string>("text")});
        apply(RegisteredBacking{{{digest_of(3), 5}, 17}});
        if (handle.path == DataPath::passthrough) apply(BackedNode{handle.node, 17});
    }
    void close_handle() {
        if (const auto* handle = any_of(session_.handles())) {
            auto node = handle->second.node;
            if (handle->second.path == DataPath::passthrough && pick(2) == 0)
                return apply(LeftMapped{handle->first});
            apply(ClosedHandle{handle->first});
            if (!session_.backed_nodes().contains(node)) apply(DroppedBacking{17});
        }
    }
    void use() {
        const auto* run = any_of(session_.runs());
        if (run == nullptr) return;
        auto version = VersionId::make();
        for (unsigned i = 0; i < 3; ++i) apply(Used{run->first, version, pick(5000)});
        apply(Used{run->first, version, std::nullopt});
        apply(Peeked{run->first, {ArtifactId::make(), "other", "path"}});
    }
    void seal() {
        const auto* view = any_of(session_.views());
        const auto* run = any_of(session_.runs());
        if (view == nullptr || run == nullptr || !view->second.draft) return;
        PendingSeal pending;
        pending.number = session_.next_seal();
        pending.order.run = run->second.record;
        FrozenDraft draft;
        draft.id = *view->second.draft;
        draft.head = Head{};
        draft.others[RunId::make()] = 3;
        pending.order.drafts.push_back(draft);
        pending.views = {view->first};
        apply(StartedSeal{pending});
        apply(FrozeFiles{{{digest_of(pick(9)), random_()}}});
        Promotion promotion;
        promotion.promised = draft.promised;
        promotion.base = {TreeId{digest_of(8)}, VersionId::make()};
        promotion.files[digest_of(pick(9))] = {digest_of(4), 5};
        promotion.directories[digest_of(1)] = DirRef{digest_of(5), digest_of(6), 1, 2};
        apply(Promoted{promotion});
    }
    void rebase() {
        const auto* view = any_of(session_.views());
        if (view == nullptr) return;
        ViewBase base;
        base.serial = session_.next_serial();
        base.view = view->first;
        apply(RebasedView{base, view->second.overlay, true, pick(2) == 0});
    }
    void name_something() {
        auto node = session_.next_synthetic();
        apply(MadeSynthetic{node, {Place::alias, ArtifactId::make(), {}, {}, 0, "best"}});
        VersionTree tree;
        tree.serial = session_.next_serial();
        tree.version = VersionId::make();
        apply(OpenedVersionTree{tree});
    }
    void change_run() {
        const auto* run = any_of(session_.runs());
        if (run == nullptr) return;
        auto id = run->first;
        auto record = run->second.record;
        record.ended = now();
        apply(ChangedRun{record, true});
        apply(MarkedRun{id, pick(2) == 0, false});
        apply(ActedFor{id, {7, 8}, {"cp", "a", "b"}});
        if (pick(2) == 0) apply(ToolExited{id, {7, 8}});
        if (pick(4) == 0) apply(ClosedSegment{id, 2});
        if (pick(4) == 0) apply(CheckpointedRun{id});
        if (const auto* view = any_of(session_.views())) {
            apply(OwnedView{view->first, id});
            apply(SharedView{view->first, RunId::make()});
            apply(ReadThrough{view->first, id});
            apply(MarkedView{view->first, DraftStage::sealing, false, "why"});
        }
    }
    void owe() {
        Owed owed;
        owed.number = session_.next_owed();
        owed.run = a_run("owed", "x");
        owed.uses.push_back({owed.run->id, 1, VersionId::make(), ranks({1, 2}), true});
        owed.dropped.push_back(DraftId::make());
        apply(Owes{owed});
        if (pick(2) == 0) apply(Paid{owed.number});
        apply(Intended{random_()});
    }
    void know_processes() {
        KnownLauncher known;
        known.launcher = {{static_cast<pid_t>(pick(9)), 5}, "bash", true, false};
        known.command = {"bash", "-c"};
        apply(MetLauncher{known});
        if (pick(3) == 0) apply(LeftLauncher{known.launcher.process});
        ExplicitRuns::Run run;
        run.id = RunId::make();
        run.continued_by = RunId::make();
        apply(KnewExplicit{run});
        if (const auto* handle = any_of(session_.handles()))
            apply(ClaimedHandle{handle->first, RunId::make(), true});
    }
    void end_something() {
        if (const auto* seal = any_of(session_.pending_seals())) apply(EndedSeal{seal->first});
        if (pick(3) != 0) return;
        if (const auto* run = any_of(session_.runs())) apply(EndedRun{run->first});
        if (const auto* view = any_of(session_.views())) apply(ClosedView{view->first});
    }

    Session& session_;
    std::mt19937_64 random_;
};

std::unique_ptr<Journal> fresh() {
    auto journal = Journal::create();
    REQUIRE(journal);
    return std::move(*journal);
}

// As the next worker finds it.
std::unique_ptr<Journal> reopened(const Journal& journal) {
    auto again = Journal::open(Fd(dup(journal.fd())));
    REQUIRE(again);
    return std::move(*again);
}

}  // namespace

TEST_CASE("a journal gives back the session that was committed, whatever happened", "[journal]") {
    unsigned seed = std::random_device()();
    INFO("seed " << seed);
    auto journal = fresh();
    Session session;
    session.keep_in(journal.get());
    Story story(session, seed);
    for (unsigned i = 0; i < 2000; ++i) {
        story.step();
        if (i % 100 != 99) continue;
        session.commit();
        CHECK(encode_session(reopened(*journal)->restore()) == encode_session(session));
    }
    CHECK(encode_session(decode_session(encode_session(session))) == encode_session(session));
}

TEST_CASE("what was not committed when the worker died is not there", "[journal]") {
    auto journal = fresh();
    Session session;
    session.keep_in(journal.get());
    Story story(session, 1);
    for (unsigned i = 0; i < 200; ++i) story.step();
    session.commit();
    auto before = encode_session(session);
    for (unsigned i = 0; i < 50; ++i) story.step();
    CHECK(encode_session(session) != before);
    CHECK(encode_session(reopened(*journal)->restore()) == before);
}

TEST_CASE("a journal that has grown is written anew, with its notes and answers", "[journal]") {
    auto journal = fresh();
    Session session;
    session.keep_in(journal.get());
    journal->note("init", std::string("\0\1", 2));
    Answer answer;
    answer.error = EEXIST;
    journal->answer(77, answer);
    auto text = std::make_shared<const std::string>(1U << 20U, 'x');
    for (std::uint64_t fh = 1; fh < 200; ++fh) {
        Handle handle;
        handle.fh = fh;
        session.apply(0, OpenedHandle{handle});
        session.apply(0, KeptText{fh, text});
        session.commit();
        session.apply(0, ClosedHandle{fh});
        session.commit();
    }
    auto blocks = [&] {
        struct stat status {};
        fstat(journal->fd(), &status);
        return static_cast<std::uint64_t>(status.st_blocks) * 512;
    };
    CHECK(blocks() < 64U << 20U);
    auto again = reopened(*journal);
    CHECK(encode_session(again->restore()) == encode_session(session));
    CHECK(again->noted("init") == std::string("\0\1", 2));
    REQUIRE(again->answered(77));
    CHECK(again->answered(77)->error == EEXIST);
    CHECK(!again->answered(78));
}

TEST_CASE("answers are what they were", "[journal]") {
    auto journal = fresh();
    Session session;
    Answer answer;
    answer.entry = EntryReply{};
    answer.entry->attr.node = NodeId{42};
    answer.entry->attr.size = 7;
    answer.entry->timeout = 1.5;
    answer.opened = OpenReply{};
    answer.opened->fh = 9;
    answer.opened->passthrough = BackingSource{digest_of(1), 9};
    answer.backing = 3;
    journal->answer(5, answer);
    journal->commit(session);
    auto again = reopened(*journal);
    again->restore();
    auto kept = again->answered(5);
    REQUIRE(kept);
    CHECK(kept->entry->attr.node == NodeId{42});
    CHECK(kept->entry->attr.size == 7);
    CHECK(kept->entry->timeout == 1.5);
    CHECK(kept->opened->fh == 9);
    CHECK(kept->opened->passthrough == BackingSource{digest_of(1), 9});
    CHECK(kept->backing == 3);
}

TEST_CASE("a request is poison when two workers have crashed over it", "[journal]") {
    auto journal = fresh();
    for (int crash = 0; crash < 2; ++crash) {
        CHECK(!journal->is_poison(5));
        journal->serving(5);
        journal = reopened(*journal);
        journal->blame();
    }
    CHECK(journal->is_poison(5));
    CHECK(!journal->is_poison(6));
    journal->blame();  // it was serving nothing
    CHECK(journal->is_poison(5));
}

TEST_CASE("memory that is no journal is refused", "[journal]") {
    Fd memory(memfd_create("test", MFD_CLOEXEC));
    CHECK(Journal::open(Fd(dup(memory.get()))).error().code == EIO);
    REQUIRE(ftruncate(memory.get(), 1 << 20) == 0);
    CHECK(Journal::open(Fd(dup(memory.get()))).error().code == EPROTO);
}

TEST_CASE("entries that cannot be read are damage, and nothing is made of them", "[journal]") {
    Session session;
    auto bytes = encode_entry(1, now(), Record{EndedRun{RunId::make()}});
    CHECK_THROWS_AS(decode_record(bytes.substr(0, bytes.size() - 1)), FormatError);
    CHECK_THROWS_AS(decode_record(bytes + "x"), FormatError);
    bytes[16] = '\xff';
    CHECK_THROWS_AS(decode_record(bytes), FormatError);
}
