package store

import "context"

// gather turns many callers into few acts: it collects the items that wait, up to a count and a
// weight, and hands them to act in one go. While act works the next group gathers by itself, so a
// lone caller waits for nobody and a crowd shares the cost of one commit or of one exchange with
// the token. It returns when ctx ends; what still waits then is handed to act a last time.
type gather[T any] struct {
	in        chan T
	maxItems  int
	maxWeight int
	weigh     func(T) int
	act       func([]T)
}

func newGather[T any](items, weight int, weigh func(T) int, act func([]T)) *gather[T] {
	return &gather[T]{in: make(chan T, items), maxItems: items, maxWeight: weight, weigh: weigh, act: act}
}

// put hands an item over; false says that ctx ended first and that nobody took it.
func (g *gather[T]) put(ctx context.Context, item T) bool {
	select {
	case g.in <- item:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *gather[T]) run(ctx context.Context) {
	var held []T
	for {
		group := held
		if len(group) == 0 {
			select {
			case item := <-g.in:
				group = append(group, item)
			case <-ctx.Done():
				g.drain()
				return
			}
		}
		group, held = g.fill(group)
		g.act(group)
	}
}

// fill adds what already waits; the item that would pass the weight opens the next group.
func (g *gather[T]) fill(group []T) (full, held []T) {
	weight := 0
	for _, item := range group {
		weight += g.weigh(item)
	}
	for len(group) < g.maxItems {
		select {
		case item := <-g.in:
			weight += g.weigh(item)
			if weight > g.maxWeight {
				return group, []T{item}
			}
			group = append(group, item)
		default:
			return group, nil
		}
	}
	return group, nil
}

func (g *gather[T]) drain() {
	for {
		select {
		case item := <-g.in:
			g.act([]T{item})
		default:
			return
		}
	}
}
