// Ten questions investigators ask of the graph that `intel export neo4j URI` writes.
//
// Each begins at the current build: (:Build:Intel {current: true}). A build that is still being written, or is being
// removed, is so never seen; whatever hangs together with a node of a build is of the same build.
//
// Time. Money cannot leave before it came. A relationship SENT sums up all transfers of one token between two ends, and
// knows the first and the last: along a path each `last` must not lie before any earlier `first`. That leaves out what
// is impossible (on the demo economy more than a quarter of all ways of two hops), and over two hops it is exact. Over three
// or more it may still show a path that no coin went: single transfers, query `trail`, tell.
//
// Every query takes its parameters by name: in cypher-shell `:param address => '0x...'`.

// name: owner
// Who is behind this address, how sure is that, and what do published labels say?
// parameters: address
match (b:Build:Intel {current: true})
match (a:Address {build: b.build, address: $address})
optional match (a)-[c:CONTROLLED_BY]->(e:Entity)
optional match (a)-[:HAS_LABEL]->(l:Label)
return a.chain as chain, e.name as owner, e.category as category, c.confidence as confidence, c.status as status,
    c.reason as why, collect(distinct l.source + ': ' + coalesce(l.label, l.entity)) as labels
order by chain;

// name: members
// Which addresses belong to an entity, the surest first?
// parameters: entity
match (b:Build:Intel {current: true})
match (e:Entity {build: b.build, entity_id: $entity})<-[c:CONTROLLED_BY]-(a:Address)
return a.chain as chain, a.address as address, c.role as role, c.tier as tier, c.confidence as confidence
order by confidence desc, chain, address;

// name: counterparties
// With whom does an entity deal, for how much, since when?
// parameters: entity
match (b:Build:Intel {current: true})
match (e:Entity {build: b.build, entity_id: $entity})-[s:SENT]-(other:Entity)
with other, sum(case when startNode(s) = other then s.value_usd else 0.0 end) as in_usd,
    sum(case when endNode(s) = other then s.value_usd else 0.0 end) as out_usd,
    sum(s.transfers) as transfers, min(s.first) as first, max(s.last) as last
return other.entity_id as entity, other.name as name, other.category as category, round(in_usd, 2) as in_usd,
    round(out_usd, 2) as out_usd, transfers, first, last
order by in_usd + out_usd desc, entity limit 50;

// name: path
// By which ways, of three hops at most, can money have come from one address to another?
// parameters: source, target
match (b:Build:Intel {current: true})
match (a:Address {build: b.build, address: $source}), (z:Address {build: b.build, address: $target})
match path = (a)-[steps:SENT*1..3]->(z)
where all(i in range(1, size(steps) - 1) where all(j in range(0, i - 1) where steps[j].first <= steps[i].last))
return [n in nodes(path) | n.address] as way, [s in steps | s.symbol] as tokens, [s in steps | s.value_usd] as usd,
    size(steps) as hops
order by hops, way, tokens limit 100;

// name: cash_out
// Which exchanges can the money of an address have reached within three hops? Services are ends: nothing passes through.
// parameters: address
match (b:Build:Intel {current: true})
match (a:Address {build: b.build, address: $address})
match path = (a)-[steps:SENT*1..3]->(z:Address)-[:CONTROLLED_BY]->(e:Entity {category: 'exchange'})
where none(n in nodes(path)[1..-2] where coalesce(n.is_hub, false))
    and all(i in range(1, size(steps) - 1) where all(j in range(0, i - 1) where steps[j].first <= steps[i].last))
return e.entity_id as exchange, e.name as name, min(size(steps)) as hops, count(distinct z) as addresses,
    min(last(steps).first) as first
order by hops, exchange;

// name: origin
// Where can the money of an address have come from, two hops back, and who was that?
// parameters: address
match (b:Build:Intel {current: true})
match (a:Address {build: b.build, address: $address})<-[second:SENT]-(via:Address)<-[first:SENT]-(from:Address)
where first.first <= second.last and from <> a and not coalesce(via.is_hub, false)
optional match (from)-[:CONTROLLED_BY]->(e:Entity)
return from.address as origin, e.name as owner, collect(distinct via.address) as through,
    min(first.first) as earliest
order by origin;

// name: in_common
// Whom did two addresses both pay, services left out?
// parameters: left, right
match (b:Build:Intel {current: true})
match (l:Address {build: b.build, address: $left})-[x:SENT]->(c:Address)<-[y:SENT]-(r:Address {address: $right})
where not coalesce(c.is_hub, false)
return c.chain as chain, c.address as address, sum(x.transfers) as from_left, sum(y.transfers) as from_right
order by chain, address;

// name: depositors
// Who pays into an exchange's deposit addresses?
// parameters: entity
match (b:Build:Intel {current: true})
match (e:Entity {build: b.build, entity_id: $entity})<-[c:CONTROLLED_BY]-(d:Address)<-[s:SENT]-(a:Address)
where c.role ends with 'deposit' and not exists { (a)-[:CONTROLLED_BY]->(e) }
return a.chain as chain, a.address as address, count(distinct d) as deposits, sum(s.transfers) as transfers,
    min(s.first) as first, max(s.last) as last
order by transfers desc, chain, address limit 100;

// name: evidence
// What links an address to others, by which rule, and in which transactions?
// parameters: address
match (b:Build:Intel {current: true})
match (a:Address {build: b.build, address: $address})-[v:EVIDENCE]-(other)
return coalesce(other.address, other.entity_id) as other, v.relation as relation, v.heuristic as heuristic,
    v.weight_bits as bits, v.reason as reason, v.tx_hashes as transactions
order by bits desc, other, relation, heuristic, transactions;

// name: trail
// Which single transfers follow one another in time from an address on, up to four hops, each within a day of the last?
// Needs `intel export neo4j URI --subject ADDRESS --hops 3`.
// parameters: address
match (b:Build:Intel {current: true})
match (a:Address {build: b.build, address: $address})
match path = (a)-[steps:TRANSFER*1..4]->(z:Address)
where all(i in range(1, size(steps) - 1) where steps[i - 1].time <= steps[i].time
        and steps[i].time <= steps[i - 1].time + duration({days: 1}) and steps[i - 1].token = steps[i].token)
    and none(n in nodes(path)[1..-1] where coalesce(n.is_hub, false))
return [s in steps | s.tx] as transactions, [n in nodes(path) | n.address] as way, [s in steps | s.amount] as amounts,
    steps[0].symbol as token, steps[0].time as since
order by since, transactions;
