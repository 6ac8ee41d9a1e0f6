#include "ui/pickle.h"

#include <unordered_map>

#include "base/bytes.h"

namespace artfs::ui {

namespace {

using Is = PickleValue::Is;

constexpr std::size_t most_values = 4'000'000;

class Machine {
public:
    explicit Machine(std::string_view bytes) : in_(bytes) {}

    Pickle run() {
        while (true) {
            char op = static_cast<char>(in_.u8());
            if (op == '.') break;
            step(op);
        }
        const auto* top_value = pop();
        return {std::move(values_), top_value};
    }

private:
    Pickled make(Is is) {
        if (values_.size() == most_values)
            throw FormatError("the pickle is too large to look into");
        auto& value = values_.emplace_back();
        value.is = is;
        return &value;
    }
    void push(Pickled value) { stack_.push_back(value); }
    void push_text(Is is, std::string_view text) {
        auto* value = make(is);
        value->text = text;
        push(value);
    }
    void push_integer(std::int64_t number, Is is = Is::integer) {
        auto* value = make(is);
        value->integer = number;
        push(value);
    }
    Pickled pop() {
        if (stack_.empty()) throw FormatError("the pickle takes from an empty stack");
        auto* value = stack_.back();
        stack_.pop_back();
        return value;
    }
    Pickled top() {
        if (stack_.empty()) throw FormatError("the pickle looks at an empty stack");
        return stack_.back();
    }
    std::vector<Pickled> pop_to_mark() {
        if (marks_.empty() || marks_.back() > stack_.size())
            throw FormatError("the pickle misses a mark");
        auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
        std::vector<Pickled> items(from, stack_.end());
        stack_.erase(from, stack_.end());
        marks_.pop_back();
        return items;
    }
    // One value may be in many others: a short file could ask for more memory than there is.
    void count_items(std::size_t more) {
        items_ += more;
        if (items_ > most_values) throw FormatError("the pickle is too large to look into");
    }
    void push_items(Is is, std::vector<Pickled> items) {
        count_items(items.size());
        auto* value = make(is);
        value->items = std::move(items);
        push(value);
    }
    void push_last(std::size_t count) {
        std::vector<Pickled> items(count);
        for (auto item = items.rbegin(); item != items.rend(); ++item) *item = pop();
        push_items(Is::tuple, std::move(items));
    }
    void add_to_top(const std::vector<Pickled>& items) {
        count_items(items.size());
        auto& into = top()->items;
        into.insert(into.end(), items.begin(), items.end());
    }
    std::string line() {
        std::string text;
        for (char c = 0; (c = static_cast<char>(in_.u8())) != '\n';) text.push_back(c);
        return text;
    }
    std::int64_t little_endian(std::string_view bytes) {
        if (bytes.size() > 8) return 0;
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes.size(); ++i)
            value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
        if (!bytes.empty() && (bytes.back() & 0x80) != 0 && bytes.size() < 8)
            value |= ~std::uint64_t{0} << (8 * bytes.size());
        return static_cast<std::int64_t>(value);
    }
    void remember(std::uint64_t key) { memo_[key] = top(); }
    void recall(std::uint64_t key) {
        auto found = memo_.find(key);
        if (found == memo_.end()) throw FormatError("the pickle recalls what it never kept");
        push(found->second);
    }
    void call(bool with_state) {
        auto* arguments = pop();
        auto* function = pop();
        count_items(arguments->items.size());
        std::vector<Pickled> items{function};
        if (with_state || arguments->is != Is::tuple)
            items.push_back(arguments);
        else
            items.insert(items.end(), arguments->items.begin(), arguments->items.end());
        push_items(Is::call, std::move(items));
    }
    void step(char op) {
        switch (op) {
            case '\x80':
                in_.u8();
                return;  // PROTO
            case '\x95':
                in_.raw(8);
                return;  // FRAME
            case '(':
                marks_.push_back(stack_.size());
                return;  // MARK
            case '0':
                pop();
                return;  // POP
            case '1':
                pop_to_mark();
                return;  // POP_MARK
            case '2':
                push(top());
                return;  // DUP
            case 'N':
                push(make(Is::none));
                return;  // NONE
            case '\x88':
                push_integer(1, Is::boolean);
                return;  // NEWTRUE
            case '\x89':
                push_integer(0, Is::boolean);
                return;  // NEWFALSE
            default:
                break;
        }
        if (!step_value(op) && !step_container(op) && !step_call(op) && !step_memo(op))
            throw FormatError("the pickle has an opcode that is not read here");
    }

    bool step_value(char op) {
        switch (op) {
            case 'J':
                push_integer(little_endian(in_.raw(4)));
                return true;  // BININT
            case 'K':
                push_integer(in_.u8());
                return true;  // BININT1
            case 'M':
                push_integer(little_endian(in_.raw(2)) & 0xffff);
                return true;  // BININT2
            case '\x8a':
                push_integer(little_endian(in_.raw(in_.u8())));
                return true;  // LONG1
            case '\x8b':
                push_integer(little_endian(in_.raw(in_.u32())));
                return true;  // LONG4
            case 'G':
                in_.raw(8);
                push(make(Is::real));
                return true;  // BINFLOAT
            case 'X':
                push_text(Is::text, in_.str());
                return true;  // BINUNICODE
            case '\x8c':
                push_text(Is::text, in_.raw(in_.u8()));
                return true;  // SHORT_BINUNICODE
            case '\x8d':
                push_text(Is::text, in_.raw(in_.u64()));
                return true;  // BINUNICODE8
            case 'U':
                push_text(Is::text, in_.raw(in_.u8()));
                return true;  // SHORT_BINSTRING
            case 'T':
                push_text(Is::text, in_.str());
                return true;  // BINSTRING
            case 'C':
                push_text(Is::bytes, in_.raw(in_.u8()));
                return true;  // SHORT_BINBYTES
            case 'B':
                push_text(Is::bytes, in_.str());
                return true;  // BINBYTES
            default:
                return false;
        }
    }

    bool step_container(char op) {
        switch (op) {
            case ')':
                push(make(Is::tuple));
                return true;  // EMPTY_TUPLE
            case '\x85':
                push_last(1);
                return true;  // TUPLE1
            case '\x86':
                push_last(2);
                return true;  // TUPLE2
            case '\x87':
                push_last(3);
                return true;  // TUPLE3
            case 't':
                push_items(Is::tuple, pop_to_mark());
                return true;  // TUPLE
            case ']':
                push(make(Is::list));
                return true;  // EMPTY_LIST
            case 'l':
                push_items(Is::list, pop_to_mark());
                return true;  // LIST
            case '}':
                push(make(Is::dict));
                return true;  // EMPTY_DICT
            case 'd':
                push_items(Is::dict, pop_to_mark());
                return true;  // DICT
            case '\x8f':
                push(make(Is::list));
                return true;  // EMPTY_SET
            case 'a': {       // APPEND
                auto* item = pop();
                add_to_top({item});
                return true;
            }
            case 'e':     // APPENDS
            case '\x90':  // ADDITEMS
            case 'u': {   // SETITEMS
                auto items = pop_to_mark();
                add_to_top(items);
                return true;
            }
            case 's': {  // SETITEM
                auto* value = pop();
                auto* key = pop();
                add_to_top({key, value});
                return true;
            }
            default:
                return false;
        }
    }

    bool step_call(char op) {
        switch (op) {
            case 'c': {  // GLOBAL
                auto module = line();
                push_text(Is::global, module + "." + line());
                return true;
            }
            case '\x93': {  // STACK_GLOBAL
                auto* name = pop();
                auto* module = pop();
                push_text(Is::global, module->text + "." + name->text);
                return true;
            }
            case 'R':     // REDUCE
            case '\x81':  // NEWOBJ
                call(false);
                return true;
            case 'b':
                pop();
                return true;  // BUILD: an OrderedDict's attributes are not shown
            case 'Q':
                return true;  // BINPERSID: what names a storage of torch's stands for it
            default:
                return false;
        }
    }

    bool step_memo(char op) {
        switch (op) {
            case 'q':
                remember(in_.u8());
                return true;  // BINPUT
            case 'r':
                remember(in_.u32());
                return true;  // LONG_BINPUT
            case '\x94':
                remember(memo_.size());
                return true;  // MEMOIZE
            case 'h':
                recall(in_.u8());
                return true;  // BINGET
            case 'j':
                recall(in_.u32());
                return true;  // LONG_BINGET
            default:
                return false;
        }
    }

    Decoder in_;
    std::vector<Pickled> stack_;
    std::vector<std::size_t> marks_;
    std::unordered_map<std::uint64_t, Pickled> memo_;
    std::size_t items_ = 0;
    std::deque<PickleValue> values_;
};

}  // namespace

Pickle read_pickle(std::string_view bytes) { return Machine(bytes).run(); }

}  // namespace artfs::ui
