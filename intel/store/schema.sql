-- Every table of the platform, in one place. Read it second, after the README.
--
-- Three schemas, one per layer:
--   lake     what sources said            Delta Lake tables under STORE/lake/, written by `ingest`, `labels add`, ...
--   facts    what follows from the ledger DuckDB file of a snapshot, written by `build`
--   beliefs  what we conclude             DuckDB file of a snapshot, written by `build`
--
-- Conventions. Times are UTC. Amounts in base units are DECIMAL(38,0): never float, never HUGEINT (Parquet and
-- pandas turn it into a float). USD is an integer of micro-dollars. EVM addresses and hashes are lower-case hex.
-- Ids (address_id, asset_id, transfer_id) live inside one snapshot and never leave it: exports carry text.

create schema lake;

-- Value that moved, or is said to have moved.
-- Key: chain, tx_hash, kind, position, sub_position (within a source; across sources when both have positions).
create table lake.transfers (
    chain varchar,                   -- slug: ethereum, polygon, bitcoin, ... (data/chains.toml)
    block_number bigint,
    block_time timestamp,            -- UTC
    tx_hash varchar,
    position bigint,                 -- log index or trace order; numbered within (tx_hash, kind) where the source has none
    sub_position integer,            -- element of an ERC-1155 batch, else 0
    kind varchar,                    -- native internal erc20 erc721 erc1155 fee reward withdrawal wrap unwrap, or unresolved:
                                     -- erc20_or_erc721, erc20_calldata, erc20_or_erc721_calldata
    sender varchar,                  -- null: none (reward, withdrawal)
    receiver varchar,                -- null: none (burnt fee)
    token varchar,                   -- contract; null: the native coin
    token_id varchar,                -- ERC-721 and ERC-1155, decimal text
    value_raw decimal(38, 0),        -- base units; null when value_text is set
    value_text varchar,              -- exact text of a value of 10^37 or more (oversize), else null
    initiator varchar,               -- who signed; null: unknown
    source varchar,
    block_time_is_estimated boolean,
    position_is_known boolean        -- false: numbered by us, so never compared across sources
);

create table lake.transactions (
    chain varchar, block_number bigint, block_time timestamp, tx_hash varchar, tx_index bigint,
    sender varchar, receiver varchar, -- receiver null: contract creation
    value_raw decimal(38, 0), fee_raw decimal(38, 0),
    gas_limit bigint, gas_price decimal(38, 0), nonce bigint, type integer,
    method_id varchar, input_length bigint,
    success boolean,                 -- null: unknown
    created varchar,                 -- contract created by this transaction
    miner varchar,
    source varchar
);

create table lake.blocks (
    chain varchar, block_number bigint, block_hash varchar, parent_hash varchar, block_time timestamp, source varchar
);

-- Who sent to whom, where a source tells no more than that (or gives hash, time and USD but no token).
create table lake.edges (
    chain varchar, kind varchar, sender varchar, receiver varchar, transfers bigint,
    tx_hash varchar, block_number bigint, block_time timestamp, value_micro_usd bigint, source varchar
);

-- Named facts without amounts in the ledger: mixer deposits and withdrawals, first use, ...
create table lake.events (
    chain varchar, event varchar,
    address varchar,                 -- where it happened: the contract, or the address the fact is about
    actor varchar,                   -- who did it; null: unknown
    block_number bigint, block_time timestamp, block_time_is_estimated boolean, tx_hash varchar,
    token varchar, value_text varchar,
    details varchar,                 -- the source's other columns as one JSON object
    source varchar
);

create table lake.tokens (
    chain varchar, token varchar, symbol varchar, name varchar, decimals integer,
    standard varchar,                -- erc20, erc721, erc1155 or null
    lists integer,                   -- token lists that carry it
    source varchar
);

-- Daily USD by symbol. A symbol only proposes: lake.assets says which contract it means.
create table lake.prices (
    date date, symbol varchar, usd double, source varchar,
    is_doubtful boolean              -- sources disagree on that day
);

create table lake.assets (
    chain varchar, token varchar, symbol varchar, decimals integer, lists integer, source varchar
);

-- Claims of sources about addresses. Claims live side by side; nothing is overwritten.
create table lake.labels (
    chain varchar,                   -- 'evm': any EVM chain
    address varchar,
    entity varchar,                  -- the source's text for who it is; null: it does not say
    label varchar,                   -- the source's tag
    category varchar,                -- category slug (data/categories.toml)
    source varchar, source_ref varchar, url varchar, licence varchar,
    source_date date,
    confidence varchar,              -- TagPack level slug, null: the source gives none
    valid_from timestamp, valid_to timestamp,
    recorded_at timestamp, retracted_at timestamp
);

-- Known organisations: one row per actor per source file.
create table lake.actors (
    slug varchar, name varchar, categories varchar, -- '|'-separated
    website varchar, jurisdictions varchar, aliases varchar, parent varchar, source varchar, licence varchar
);

-- Exactly which blocks a source covers: maximal runs without a hole.
create table lake.coverage (
    dataset varchar, chain varchar, kind varchar, source varchar,
    first_block bigint, last_block bigint, first_time timestamp, last_time timestamp,
    rows bigint                      -- null: not counted
);

-- Rows that were not taken as they are, and why. Counted per run and code; `value` and `hint` are examples of that kind.
create table lake.issues (
    run_id varchar, dataset varchar, source varchar, file varchar, row_number bigint,
    code varchar,                    -- bad_address, value_over_256_bits, ... (intel.model.ISSUE_CODES)
    column_name varchar, value varchar, hint varchar,
    kept boolean,                    -- true: the row is in the lake, with a caveat; false: it is not
    rows bigint                      -- how many rows this line stands for
);

-- Mints, merges and splits of anonymous entities: input and output of each build.
create table lake.identity (
    build_id varchar, event varchar, entity_id varchar, other_entity_id varchar, chain varchar, address varchar, recorded_at timestamp
);

-- One row per run. Only what the newest row names is visible.
create table lake.commits (
    commit_id varchar, recorded_at timestamp, command varchar, run_id varchar,
    tables varchar,                  -- JSON object: table -> Delta version
    rows bigint, bad_rows bigint
);


create schema facts;

-- Every address that occurs in transfers, edges, events or transactions. Sorted by id, which is dealt by first sight.
create table facts.addresses (
    address_id bigint, chain varchar, address varchar,
    is_contract boolean              -- null: not known
);

-- The same, sorted by address: from a text to its ids in about a millisecond, where a scan of two million takes 50.
create table facts.address_lookup (address varchar, chain varchar, address_id bigint);

create table facts.assets (
    asset_id bigint, chain varchar, token varchar, token_id varchar, -- token null: native coin
    symbol varchar, name varchar, decimals integer, -- null: unknown
    standard varchar,                -- native, erc20, erc721, erc1155 or null
    price_symbol varchar,            -- symbol under which a verified contract is priced; null: unpriced
    is_verified boolean,             -- a verified mapping or five token lists name this contract
    is_oversize boolean              -- some value or sum reaches 10^37: listed, never summed
);

-- The ledger, each fact once (log over trace over calldata), in order of time.
create table facts.transfers (
    transfer_id bigint, chain varchar, block_number bigint, block_time timestamp, tx_hash varchar,
    position bigint, sub_position integer, kind varchar,
    sender_id bigint, receiver_id bigint, initiator_id bigint, asset_id bigint,
    value_raw decimal(38, 0),        -- null: does not count (unresolved kind, oversize)
    value_text varchar,              -- the exact value where value_raw is null
    value_micro_usd bigint,          -- null: unpriced
    price_age_days smallint,         -- 0: price of that day, 1: of the day before
    source varchar, block_time_is_estimated boolean,
    tx_tag integer                   -- 28 bits of the hash: with block_time it tells one transaction from another
);

-- Double entry: each transfer seen from each end. Sorted by address_id, block_time, transfer_id; what was added since
-- facts were last made whole follows, sorted so too.
create table facts.postings (
    address_id bigint, block_time timestamp, transfer_id bigint,
    direction tinyint,               -- +1 received, -1 sent
    counterparty_id bigint, asset_id bigint,
    value_raw decimal(38, 0), value_micro_usd bigint,
    tx_tag integer,                  -- as in transfers: the legs of one transaction, without its hash
    kind_code tinyint                -- place of the kind in intel.model.TRANSFER_KINDS
);

-- Per-address sums of postings. Sorted by address_id, asset_id.
create table facts.address_assets (
    address_id bigint, asset_id bigint,
    in_raw decimal(38, 0), out_raw decimal(38, 0), in_micro_usd bigint, out_micro_usd bigint, -- null: too large for the type
    transfers_in bigint, transfers_out bigint, first_time timestamp, last_time timestamp
);

-- Per-address activity, for typing and roles. Sorted by address_id.
create table facts.address_stats (
    address_id bigint,
    transfers_in bigint, transfers_out bigint,
    counterparties_in bigint, counterparties_out bigint, counterparties bigint,
    signed bigint,                   -- transactions it is known to have signed (distinct tx_hash as initiator)
    first_block bigint, last_block bigint, first_time timestamp, last_time timestamp
);

create table facts.asset_prices (
    asset_id bigint, date date, usd double, source varchar, is_doubtful boolean
);

-- Value-less edges, aggregated. Sorted by sender_id.
create table facts.edges (
    sender_id bigint, receiver_id bigint, kind varchar, transfers bigint,
    tx_hash varchar, block_number bigint, block_time timestamp, value_micro_usd bigint, source varchar
);

create table facts.events (
    event varchar, address_id bigint, actor_id bigint, block_number bigint, block_time timestamp,
    block_time_is_estimated boolean, tx_hash varchar, token varchar, value_text varchar, details varchar, source varchar
);

create table facts.transactions (
    chain varchar, block_number bigint, block_time timestamp, tx_hash varchar, tx_index bigint,
    sender_id bigint, receiver_id bigint, created_id bigint, value_raw decimal(38, 0), fee_raw decimal(38, 0),
    gas_limit bigint, gas_price decimal(38, 0), nonce bigint, type integer, method_id varchar, input_length bigint,
    success boolean, source varchar
);

create table facts.coverage (
    dataset varchar, chain varchar, kind varchar, source varchar,
    first_block bigint, last_block bigint, first_time timestamp, last_time timestamp, rows bigint
);

-- The same, all sources of a kind together: what every answer says of the part of history it saw.
create table facts.coverage_summary (
    dataset varchar, chain varchar, kind varchar, sources varchar[],
    first_block bigint, last_block bigint, blocks bigint, holes bigint,
    first_time timestamp, last_time timestamp,
    ranges bigint[][]                -- the first 20 maximal runs, [first, last] each
);


create schema beliefs;

-- Label claims with their entity text resolved to a slug. Sorted by address.
create table beliefs.labels (
    chain varchar, address varchar, entity_id varchar, -- null: unresolved or no owner named
    entity varchar, label varchar, category varchar, source varchar, source_ref varchar, url varchar, licence varchar,
    source_date date, confidence varchar, level integer, -- 0..100
    origin varchar,                  -- claims copied from one another share an origin and count once
    valid_from timestamp, valid_to timestamp, visibility varchar -- public | private
);

create table beliefs.entities (
    entity_id varchar, name varchar, category varchar,
    kind varchar,                    -- owner | list | anonymous
    parent varchar, website varchar, is_custodial boolean, visibility varchar
);

-- Every spelling that finds an entity. Sorted by name_key.
create table beliefs.entity_names (name_key varchar, name varchar, entity_id varchar);

-- Ledger addresses with a resolved owner: where attribution starts. One row per address and visibility:
-- the best claim by level, then number of independent origins, then slug; a close rival is kept beside it.
create table beliefs.anchors (
    address_id bigint, entity_id varchar, category varchar,
    role varchar,                    -- what the label says it is for the entity: hot_wallet, deposit, contract, ... or null
    level integer, confidence double,
    origins bigint,                  -- independent sources that agree
    rival_entity_id varchar, rival_level integer,
    label_source varchar, label varchar, valid_from timestamp, valid_to timestamp, visibility varchar
);

-- Ledger addresses that a published list names (sanctioned, hacked, phishing, ...): said beside the owner, never instead.
create table beliefs.listings (
    address_id bigint, category varchar, source varchar, label varchar, source_date date, visibility varchar
);

-- Hygiene (SCIENCE.md A0): kept for display, never evidence.
create table beliefs.asset_flags (asset_id bigint, flag varchar, reason varchar);
create table beliefs.transfer_flags (transfer_id bigint, flag varchar);

-- Service and hub typing (SCIENCE.md A1): no same-controller evidence through these.
create table beliefs.services (
    address_id bigint, kind varchar, -- labelled service, contract, hub, system, ...
    is_hub boolean, reason varchar
);

create table beliefs.evidence (
    left_id bigint, right_id bigint, -- right_id null where right_entity is the end
    right_entity varchar,
    relation varchar, heuristic varchar, version integer, family varchar, event varchar,
    weight_bits double, weight_is_assumed boolean, support bigint,
    tx_hashes varchar[],             -- up to 20, ordered
    first_block bigint, last_block bigint, valid_from timestamp, valid_to timestamp,
    visibility varchar, reason varchar
);

-- What a weight stands on. `is_assumed`: never measured; else n links of `measured_on` gave the interval of precision.
create table beliefs.weights (
    heuristic varchar, version integer, family varchar, consent varchar, weight_bits double, is_assumed boolean,
    precision double, precision_low double, precision_high double, n bigint, measured_on varchar, measured_at date
);

-- All evidence of one link weighed together: each event once, families added up to their caps, then the prior.
create table beliefs.links (
    left_id bigint, right_id bigint, right_entity varchar, -- as in evidence; left_id < right_id for same_controller
    relation varchar, bits double,   -- posterior log2 odds
    probability double, events bigint, basis varchar[], reason varchar, visibility varchar
);

-- The merge tree: how the addresses of a cluster came together, in order. Replaying it gives the clusters.
create table beliefs.merges (
    visibility varchar, step bigint, cluster_id varchar,
    kind varchar,                    -- atom (a fact of the ledger) | weighed | judgement
    left_id bigint, right_id bigint, -- the two ends of the strongest link across the cut
    left_size bigint, right_size bigint,
    bits double,                     -- of the whole cut, after prior and charge
    charge_bits double,              -- for pairs that the rules could have shown and did not
    events bigint, families varchar[]
);

-- Merges that did not happen, and label claims that stand against each other: the queue for human eyes.
create table beliefs.disputes (
    visibility varchar, cause varchar, -- label_veto | judgement_veto | size_gate | hostile | label_conflict | overruled
    left_id bigint, right_id bigint, left_entity varchar, right_entity varchar, bits double, detail varchar
);

-- What people judged, as this build applied it. Always private.
create table beliefs.judgements (
    judgement_id bigint, left_id bigint, right_id bigint, left_entity varchar, right_entity varchar,
    verdict varchar,                 -- same | different | unsure
    because varchar, made_by varchar, made_at timestamp,
    effect varchar                   -- what it changed, in words
);

-- Clusters of two or more addresses with one controller.
create table beliefs.clusters (cluster_id varchar, address_id bigint, tier varchar, visibility varchar);

-- The ledger of unnamed owners as of this build: what lake.identity told, then what this build adds to it. An id is
-- minted from an address and stays with it; after its last event `merge` it is found under other_entity_id.
create table beliefs.identity (
    step bigint, build_id varchar,
    event varchar,                   -- mint | merge | split (new, or in use again, out of other_entity_id)
    entity_id varchar, other_entity_id varchar, chain varchar, address varchar
);

-- Who an address belongs to, with the best rival. One row per address and visibility.
create table beliefs.attributions (
    chain varchar, address varchar, address_id bigint, -- id null: labelled, never seen in the ledger
    entity_id varchar, confidence double, tier varchar, -- confirmed | probable
    status varchar,                  -- labelled | attributed
    role varchar, basis varchar[],   -- heuristics or 'label'
    reason varchar, label_source varchar,
    rival_entity_id varchar, rival_confidence double,
    is_calibrated boolean,           -- confidence of this role was measured (data/calibration.toml), null: labelled
    valid_from timestamp, valid_to timestamp, visibility varchar
);

-- What went across the border of each owner of a known category, per day and asset; without its own moves, and without
-- spam transfers. Sorted by tier, asset_id.
create table beliefs.entity_days (
    tier varchar,                    -- which attributions count: confirmed, or probable as well
    entity_id varchar, asset_id bigint, day date,
    is_dealing boolean,              -- false: fees, mints, burns, and what came from or went to nobody
    transfers_in bigint, transfers_out bigint, unpriced bigint,
    in_raw decimal(38, 0), out_raw decimal(38, 0), in_micro_usd bigint, out_micro_usd bigint,
    first_time timestamp, last_time timestamp
);

-- What the profile of a large entity adds up over all of time: one row per kind of dealings. Every other entity's is
-- added up when it is asked for.
create table beliefs.entity_sums (
    tier varchar, entity_id varchar,
    members varchar,                 -- digest of the ids of its addresses: the sums are theirs, and of no other set
    is_internal boolean, is_spam boolean, first_time timestamp, last_time timestamp,
    transfers_in bigint, transfers_out bigint, unpriced bigint, unpriced_once bigint,
    came decimal(38, 0), went decimal(38, 0), most_came bigint, most_went bigint, -- micro-dollars: of all, of one party
    counterparties bigint
);

-- With whom a large entity deals: its 1,000 largest counterparties and venues, and every exchange.
create table beliefs.entity_parties (
    tier varchar, entity_id varchar,
    party varchar, name varchar, category varchar, -- party null: nobody is known to own the one address
    status varchar, first_id bigint, addresses bigint, in_micro_usd bigint, out_micro_usd bigint,
    transfers bigint, transfers_in bigint, transfers_out bigint, unpriced bigint,
    first_time timestamp, last_time timestamp, visibility varchar, is_venue boolean
);

-- What an address is for. By label, rule or ledger fact, or, where none tells, predicted: then the basis is
-- `model <version>`, the probability is calibrated, and the explanation names the figures for and against.
create table beliefs.roles (
    address_id bigint, role varchar, probability double, basis varchar, visibility varchar, explanation varchar
);

-- Names that did not resolve, names that clash: what the ontology's keeper should look at.
create table beliefs.ontology_report (kind varchar, text varchar, candidates varchar, addresses bigint, hint varchar);


-- Indexes, made when a build is published. Where rows of one address are neighbours the order of the table finds them;
-- these find a few rows that lie anywhere: without them a profile reads whole tables (100 million transfers: 60 ms).
create index addresses_by_id on facts.addresses (address_id);
create index events_by_address on facts.events (address_id);
create index events_by_actor on facts.events (actor_id);
create index edges_by_receiver on facts.edges (receiver_id);
create index attributions_by_id on beliefs.attributions (address_id);
create index attributions_by_entity on beliefs.attributions (entity_id);
create index entities_by_id on beliefs.entities (entity_id);
create index evidence_by_left on beliefs.evidence (left_id);
create index evidence_by_right on beliefs.evidence (right_id);
create index roles_by_address on beliefs.roles (address_id);
create index flags_by_transfer on beliefs.transfer_flags (transfer_id);
create index labels_by_address on beliefs.labels (address);
