# Which two rows are a candidate pair, and what it costs. Included by radix_optimal.pyx, never imported.

cdef enum:
    PARTS = 10000  # a basis point is one of so many

cdef struct Way:
    int64_t minor
    int64_t bps
    bint smaller  # of minor and bps the smaller one counts, else the larger one
    int64_t step  # not 0: whole steps instead
    int64_t most_steps

cdef struct Rule:
    const int64_t* left_amount
    const int32_t* left_day
    const int64_t* right_amount
    const int32_t* right_day
    Way left_way  # how far the left amount may exceed the right one
    Way right_way
    bint any_amount
    int64_t first_day  # right day minus left day
    int64_t last_day
    int64_t amount_weight
    int64_t day_weight
    int32_t most_edges
    int64_t most_pairs
    int32_t* partner
    uint8_t* outcome
    uint8_t* right_outcome
    Component component  # from here on each thread's own
    Edge* pool
    int64_t room


cdef inline int64_t _size_of(int64_t amount) noexcept nogil:
    return -amount if amount < 0 else amount


cdef inline int64_t _allowed(const Way* way, int64_t exceeded) noexcept nogil:
    """The greatest excess over an amount; in two steps, so that no product is too large."""
    cdef int64_t size = _size_of(exceeded), share = 0
    if way.step:
        return way.step * way.most_steps
    if way.bps:
        share = size // PARTS * way.bps + size % PARTS * way.bps // PARTS
    return min(way.minor, share) if way.smaller else max(way.minor, share)


cdef inline bint _within(const Way* way, int64_t over, int64_t exceeded) noexcept nogil:
    return over <= _allowed(way, exceeded) and (not way.step or over % way.step == 0)


cdef inline bint _fits(const Rule* rule, int64_t left, int64_t right, int64_t left_day,
                       int64_t right_day) noexcept nogil:
    """Of two amounts that are not positive the one further from 0 exceeds, otherwise the greater one."""
    cdef int64_t over = right - left if left <= 0 and right <= 0 else left - right
    if not rule.first_day <= right_day - left_day <= rule.last_day:
        return False
    return _within(&rule.left_way, over, right) if over >= 0 else _within(&rule.right_way, -over, left)


cdef inline int64_t _cost(const Rule* rule, int64_t left, int64_t right, int64_t left_day,
                          int64_t right_day) noexcept nogil:
    """What a pair costs, or -1 if that is 2**61 or more."""
    cdef int64_t gap = _size_of(left - right), days = _size_of(left_day - right_day), limit = <int64_t>1 << 60
    if rule.amount_weight and gap > limit // rule.amount_weight or rule.day_weight and days > limit // rule.day_weight:
        return -1
    gap = gap * rule.amount_weight + days * rule.day_weight
    return gap if gap < 2 * limit else -1


cdef int _solve_costed(Rule* rule, Edge* edges, int32_t count, int32_t* local, int32_t* partner, uint8_t* outcome,
                       uint8_t* right_outcome) noexcept nogil:
    """Solve one component whose edges are sorted; 1: no memory, 2: costs too great for exact sums."""
    cdef int32_t i
    cdef int64_t dearest = 0
    if 1 < count <= rule.most_edges:
        for i in range(count):
            if edges[i].cost < 0:
                return 2
            dearest = max(dearest, edges[i].cost)
        if dearest > ((<int64_t>1 << 61) - 1) // count:
            return 2
    return -_solve(&rule.component, edges, count, local, rule.most_edges, partner, outcome, right_outcome)


cdef int _way(Way* way, told) except -1:
    """Read a way from (minor, bps, smaller, step, most steps)."""
    minor, bps, smaller, step, most_steps = told
    if not (0 <= minor < 2**62 or minor == 2**63 - 1) or not 0 <= bps <= PARTS:
        raise ValueError("minor must lie in 0 .. 2**62 - 1 or be ANY, and bps in 0 .. 10000.")
    if (step == 0) != (most_steps == 0) or step < 0 or not 0 <= step * most_steps < 2**62 or step and (minor or bps):
        raise ValueError("step and most_steps must be positive, their product below 2**62, and stand alone.")
    way.minor, way.bps, way.smaller, way.step, way.most_steps = minor, bps, smaller, step, most_steps
    return 0


cdef int _open_rule(Rule* rule, left_way, right_way, days, weights, most_edges, most_pairs) except -1:
    first, last = (-2**32, 2**32) if days is None else days
    if not -2**32 <= first <= last <= 2**32:
        raise ValueError("days must be a first and a last number of days, ascending, within 2**32.")
    if not 0 <= weights[0] < 2**31 or not 0 <= weights[1] < 2**31:
        raise ValueError("weights must lie in 0 .. 2**31 - 1.")
    if not 1 <= most_edges < 2**31 - 8 or not 64 <= most_pairs < 2**62:
        raise ValueError("most_edges must be positive and below 2**31 - 8, and most_pairs at least 64.")
    _way(&rule.left_way, left_way)
    _way(&rule.right_way, right_way)
    rule.any_amount = left_way[0] == right_way[0] == 2**63 - 1 and not left_way[2] and not right_way[2]
    rule.first_day, rule.last_day = first, last
    rule.amount_weight, rule.day_weight = weights
    rule.most_edges, rule.most_pairs = most_edges, most_pairs
    rule.component.room, rule.component.wide, rule.component.narrow, rule.component.heap = 0, NULL, NULL, NULL
    rule.room, rule.pool = 0, NULL
    return 0
