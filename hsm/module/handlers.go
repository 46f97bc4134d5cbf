package module

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/miekg/pkcs11"

	"casemate/hsm"
)

// routes is everything the process does for anybody.
func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	route(mux, s, hsm.PathPing, s.ping)
	route(mux, s, hsm.PathInfo, s.info)
	route(mux, s, hsm.PathSeal, s.seal)
	route(mux, s, hsm.PathCheckpoint, s.checkpoint)
	route(mux, s, hsm.PathLastCheckpoint, s.lastCheckpoint)
	route(mux, s, hsm.PathResumeJournal, s.resumeJournal)
	route(mux, s, hsm.PathNewKey, s.newKey)
	route(mux, s, hsm.PathUnwrapKey, s.unwrapKey)
	route(mux, s, hsm.PathCertificate, s.certificate)
	route(mux, s, hsm.PathTLSSign, s.tlsSign)
	route(mux, s, hsm.PathRandom, s.random)
	route(mux, s, hsm.PathWitness, s.witness)
	route(mux, s, hsm.PathSetWitness, s.setWitness)
	return mux
}

// route registers one typed request: strict JSON in, JSON or a Problem out.
func route[Request, Reply any](mux *http.ServeMux, s *server, path string, answer func(context.Context, *engine, Request) (Reply, error)) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var request Request
		if err := hsm.Decode(r.Body, &request); err != nil {
			s.problem(w, path, refused(err.Error()))
			return
		}
		e := s.engine.Load()
		if e == nil {
			s.problem(w, path, *s.reason.Load())
			return
		}
		reply, err := answer(r.Context(), e, request)
		if err != nil {
			s.problem(w, path, err)
			return
		}
		s.reply(w, http.StatusOK, reply)
	})
}

func (s *server) problem(w http.ResponseWriter, path string, err error) {
	class := hsm.Classify(err)
	level := slog.LevelWarn
	if err == s.waited { //nolint:errorlint // that very error: whoever starts this process asks until it is open
		level = slog.LevelDebug
	}
	s.cfg.Log.Log(context.Background(), level, "request failed", "path", path, "code", class.Code, "error", err)
	s.reply(w, class.Status, hsm.Problem{Code: class.Code, Error: err.Error()})
}

func (s *server) reply(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		s.cfg.Log.Error("encoding a reply", "error", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(b); err != nil {
		s.cfg.Log.Info("a caller went away", "error", err)
	}
}

func (s *server) ping(ctx context.Context, e *engine, _ hsm.Empty) (hsm.Empty, error) {
	_, err := e.random(ctx, 8)
	return hsm.Empty{}, err
}

func (s *server) info(_ context.Context, e *engine, _ hsm.Empty) (hsm.Info, error) {
	return e.info(), nil
}

func (s *server) seal(ctx context.Context, e *engine, batch hsm.SealBatch) (hsm.SealReply, error) {
	if len(batch.Requests) > hsm.MaxSeals {
		return hsm.SealReply{}, refused(fmt.Sprintf("at most %d documents a request", hsm.MaxSeals))
	}
	if err := s.limits.allow(s.limits.seals, len(batch.Requests), "seals"); err != nil {
		return hsm.SealReply{}, err
	}
	return e.sealer.seal(ctx, batch)
}

func (s *server) checkpoint(ctx context.Context, e *engine, request hsm.CheckpointRequest) (hsm.CheckpointReply, error) {
	if err := s.limits.allow(s.limits.checkpoints, 1, "checkpoints"); err != nil {
		return hsm.CheckpointReply{}, err
	}
	return e.checkpoints.sign(ctx, request)
}

func (s *server) resumeJournal(ctx context.Context, e *engine, request hsm.ResumeRequest) (hsm.CheckpointReply, error) {
	if err := s.limits.allow(s.limits.certificates, 1, "decisions"); err != nil {
		return hsm.CheckpointReply{}, err
	}
	return e.checkpoints.resume(ctx, request, s.cfg.Decided)
}

func (s *server) lastCheckpoint(_ context.Context, e *engine, _ hsm.Empty) (hsm.CheckpointReply, error) {
	return e.checkpoints.get(), nil
}

// keyContext lets only the kinds of the protocol through: the canary's is ours.
func (s *server) keyContext(request hsm.KeyRequest) (kc hsm.KeyContext, err error) {
	if len(request.ID) != len(kc.ID) || (request.Kind != hsm.KindVault && request.Kind != hsm.KindVolumes) {
		return kc, refused("a key is of kind vault or volumes and has an identifier of 16 bytes")
	}
	kc = hsm.KeyContext{Kind: request.Kind, Version: request.Version}
	copy(kc.ID[:], request.ID)
	return kc, s.limits.allow(s.limits.keys, 1, "keys")
}

func (s *server) newKey(ctx context.Context, e *engine, request hsm.KeyRequest) (hsm.KeyReply, error) {
	kc, err := s.keyContext(request)
	if err != nil {
		return hsm.KeyReply{}, err
	}
	if len(request.Record) != 0 {
		return hsm.KeyReply{}, refused("a new key has no record yet")
	}
	key, record, err := e.keys.newKey(ctx, kc)
	return hsm.KeyReply{Key: key, Record: record}, err
}

func (s *server) unwrapKey(ctx context.Context, e *engine, request hsm.KeyRequest) (hsm.KeyReply, error) {
	kc, err := s.keyContext(request)
	if err != nil {
		return hsm.KeyReply{}, err
	}
	key, err := e.keys.unwrapKey(ctx, kc, request.Record)
	return hsm.KeyReply{Key: key}, err
}

func (s *server) certificate(ctx context.Context, e *engine, request hsm.CertificateRequest) (hsm.CertificateReply, error) {
	if err := s.limits.allow(s.limits.certificates, 1, "certificates"); err != nil {
		return hsm.CertificateReply{}, err
	}
	der, err := e.certificates.issue(ctx, request)
	return hsm.CertificateReply{Certificate: der}, err
}

// tlsSign is the one request for a signature over a digest: TLS has the server
// sign what no third party could recognise, and its key signs nothing else.
func (s *server) tlsSign(ctx context.Context, e *engine, request hsm.TLSSignRequest) (hsm.TLSSignReply, error) {
	if len(request.Digest) != 32 {
		return hsm.TLSSignReply{}, refused("the TLS key signs SHA-256 digests only")
	}
	if err := s.limits.allow(s.limits.tls, 1, "TLS handshakes"); err != nil {
		return hsm.TLSSignReply{}, err
	}
	signature, err := e.tls.sign(ctx, request.Digest)
	if err == nil && !ecdsa.VerifyASN1(e.tls.public, request.Digest, signature) {
		err = fmt.Errorf("signing a TLS handshake: a wrong signature: %w", hsm.ErrUnavailable)
		e.guard.giveUp(err)
	}
	return hsm.TLSSignReply{Signature: signature}, err
}

func (s *server) random(ctx context.Context, e *engine, request hsm.RandomRequest) (hsm.RandomReply, error) {
	if request.N < 0 || request.N > hsm.MaxRandom {
		return hsm.RandomReply{}, refused(fmt.Sprintf("at most %d random bytes a request", hsm.MaxRandom))
	}
	if err := s.limits.allow(s.limits.random, request.N, "random bytes"); err != nil || request.N == 0 {
		return hsm.RandomReply{}, err
	}
	b, err := e.random(ctx, request.N)
	return hsm.RandomReply{Bytes: b}, err
}

func (s *server) witness(ctx context.Context, e *engine, _ hsm.Empty) (hsm.WitnessMark, error) {
	if err := s.limits.allow(s.limits.witness, 1, "marks"); err != nil {
		return hsm.WitnessMark{}, err
	}
	mark, err := e.witness.get(ctx)
	return hsm.WitnessMark{Mark: mark}, err
}

func (s *server) setWitness(ctx context.Context, e *engine, request hsm.WitnessMark) (hsm.Empty, error) {
	if err := s.limits.allow(s.limits.witness, 1, "marks"); err != nil {
		return hsm.Empty{}, err
	}
	return hsm.Empty{}, e.witness.set(ctx, request.Mark)
}

func (e *engine) random(ctx context.Context, n int) ([]byte, error) {
	return do(ctx, e.guard, "drawing random bytes", func() (b []byte, err error) {
		err = e.token.sessions.with(func(h pkcs11.SessionHandle) error {
			b, err = e.token.p.GenerateRandom(h, n)
			return err
		})
		return b, err
	})
}
