package main

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"io/ioutil"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

// front stands before the simulator. It makes clones complete, minds sessions, and does what it was asked to
// get wrong:
//
//	POST /_control          a fault: what happens to the next calls of a method
//	POST /_control/machine  somebody makes a VM: name, folder, network; or many: count
//	POST /_control/silence  the guest of a VM that is cloned later never has an address: name
//	POST /_control/release  calls that are held take effect now
//	POST /_control/expire   every session ends
//	POST /_control/switches somebody else's port groups are from now on these: names
//	GET  /_control/calls    the methods that were called
//	GET  /_control/machines every machine as it is
//	GET  /_control/guests   what a guest of every machine that is no template knows of itself
//
// It asks for the same name and password as SOAP does.
type front struct {
	inner          http.Handler
	client         *vim25.Client
	site           site
	user, password string

	cloning  sync.Mutex
	joining  sync.Mutex
	joined   map[string]bool
	mu       sync.Mutex
	faults   []*fault
	calls    []string
	sessions map[string]bool
	silent   map[string]bool
	held     []held
}

// fault is what happens to the next calls of a method.
//
//	drop        the connection ends, and nothing is done
//	drop-after  it is done, and then the connection ends
//	http500     something else answers, and nothing is done
//	html        the same, with a page and a success
//	expire      every session ends, this call's too
//	error       the task ends in an error (fault: its class), and nothing is done
//	half        a clone breaks off: its copy is there, marked and not sized, and the task ends in an error
//	stay        the task is answered, is at 42 percent, and stays so until it is released
//	hold        the connection ends, and a task is under way until it is released
type fault struct {
	Method string `json:"method"`
	Action string `json:"action"`
	Fault  string `json:"fault"`
	Count  int    `json:"count"`
}

type held struct {
	task    *simulator.Task
	request *http.Request
	body    []byte
}

const cookie = "vmware_soap_session"

var (
	taskID   = regexp.MustCompile(`<returnval[^>]*>(task-\d+)</returnval>`)
	noNote   = regexp.MustCompile(`<annotation[^>]*(/>|></annotation>)`)
	loggedIn = map[string]bool{"RetrieveServiceContent": false, "Login": false}
)

func newFront(inner http.Handler, client *vim25.Client, site site, user, password string) *front {
	return &front{
		inner: inner, client: client, site: site, user: user, password: password,
		sessions: map[string]bool{}, silent: map[string]bool{}, joined: map[string]bool{},
	}
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_control") {
		f.control(w, r)
		return
	}
	body, err := ioutil.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost {
		http.Error(w, "SOAP only", http.StatusBadRequest)
		return
	}
	call, err := simulator.UnmarshalBody(types.TypeFunc(), body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if _, open := loggedIn[call.Name]; !open && !f.known(r) {
		reply(w, http.StatusInternalServerError, notAuthenticated)
		return
	}
	if !f.known(r) {
		r.Header.Del("Cookie") // of a session that ended: the simulator would still know it
	}
	switch fault := f.take(call.Name); {
	case fault == nil:
		f.do(call, r, body).write(w)
	case fault.Action == "drop":
		drop(w)
	case fault.Action == "drop-after":
		f.do(call, r, body)
		drop(w)
	case fault.Action == "http500":
		http.Error(w, "<html>Service Unavailable</html>", http.StatusServiceUnavailable)
	case fault.Action == "expire":
		f.expire()
		reply(w, http.StatusInternalServerError, notAuthenticated)
	case fault.Action == "html":
		fmt.Fprint(w, "<html><body>Please log in</body></html>")
	case fault.Action == "half":
		f.half(call, r, body)
		reply(w, http.StatusOK, ended(call, fault.Fault))
	case fault.Action == "error":
		reply(w, http.StatusOK, ended(call, fault.Fault))
	case fault.Action == "hold":
		f.hold(call, r, body)
		drop(w)
	case fault.Action == "stay":
		reply(w, http.StatusOK, answered(call, f.hold(call, r, body)))
	}
}

// known says whether a request is of a session that has not ended, and of no session that is not ours.
func (f *front) known(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	session, err := r.Cookie(cookie)
	return err == nil && f.sessions[strings.Trim(session.Value, `"`)]
}

// take notes a call and finds what is to go wrong with it.
func (f *front) take(method string) *fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, method)
	for _, fault := range f.faults {
		if fault.Method == method && fault.Count > 0 {
			fault.Count--
			return fault
		}
	}
	return nil
}

type answer struct{ *httptest.ResponseRecorder }

func (a answer) write(w http.ResponseWriter) {
	for name, values := range a.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(a.Code)
	_, _ = w.Write(a.Body.Bytes())
}

// pass gives a request to the simulator as it came.
func (f *front) pass(r *http.Request, body []byte) answer {
	inner := r.Clone(r.Context())
	inner.Body = ioutil.NopCloser(bytes.NewReader(body))
	recorder := httptest.NewRecorder()
	f.inner.ServeHTTP(recorder, inner)
	return answer{recorder}
}

// do gives a request to the simulator, then does what the simulator leaves out.
func (f *front) do(call *simulator.Method, r *http.Request, body []byte) answer {
	if call.Name == "CloneVM_Task" {
		f.cloning.Lock() // two clones of one source would change each other's devices
		defer f.cloning.Unlock()
		unshare(call.This)
	}
	result := f.pass(r, body)
	switch request := call.Body.(type) {
	case *types.Login:
		for _, session := range result.Result().Cookies() {
			if session.Name == cookie {
				f.mu.Lock()
				f.sessions[strings.Trim(session.Value, `"`)] = true
				f.mu.Unlock()
			}
		}
	case *types.CloneVM_Task:
		unshare(call.This)
		if made := clone(result); made != nil {
			f.complete(made, request)
		}
	case *types.ReconfigVM_Task:
		if vm, ok := simulator.Map.Get(call.This).(*simulator.VirtualMachine); ok {
			if noNote.Match(body) {
				vm.Config.Annotation = "" // Go cannot tell an empty string from none
			}
			restoreNICs(vm)
		}
	}
	return result
}

// half leaves behind what a clone has made when it breaks off.
func (f *front) half(call *simulator.Method, r *http.Request, body []byte) {
	request, ok := call.Body.(*types.CloneVM_Task)
	if !ok {
		return
	}
	unshare(call.This)
	// The devices that it should have are another stage
	plain := regexp.MustCompile(`(?s)<deviceChange>.*</deviceChange>`).ReplaceAll(body, nil)
	if made := clone(f.pass(r, plain)); made != nil && request.Spec.Config != nil {
		made.Config.Annotation = request.Spec.Config.Annotation
	}
}

func (f *front) hold(call *simulator.Method, r *http.Request, body []byte) types.ManagedObjectReference {
	name := strings.TrimSuffix(call.Name, "_Task")
	task := simulator.CreateTask(call.This, strings.ToLower(name[:1])+name[1:], nil)
	simulator.Map.Update(task, []types.PropertyChange{
		{Name: "info.state", Val: types.TaskInfoStateRunning},
		{Name: "info.progress", Val: int32(42)},
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = append(f.held, held{task: task, request: r.Clone(simulatorContext), body: body})
	return task.Self
}

func (f *front) release() {
	f.mu.Lock()
	waiting := f.held
	f.held = nil
	f.mu.Unlock()
	for _, one := range waiting {
		call, err := simulator.UnmarshalBody(types.TypeFunc(), one.body)
		if err == nil {
			f.do(call, one.request, one.body)
		}
		simulator.Map.Update(one.task, []types.PropertyChange{
			{Name: "info.state", Val: types.TaskInfoStateSuccess},
		})
	}
}

func (f *front) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions = map[string]bool{}
}

func (f *front) control(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); !same(user, f.user) || !same(password, f.password) {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	var asked struct {
		fault
		Name    string   `json:"name"`
		Names   []string `json:"names"`
		Folder  string   `json:"folder"`
		Network string   `json:"network"`
	}
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil && err != io.EOF {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	var result interface{} = "done"
	switch r.URL.Path {
	case "/_control":
		wanted := asked.fault
		f.mu.Lock()
		f.faults = append(f.faults, &wanted)
		f.mu.Unlock()
	case "/_control/machine":
		made, err := f.machines(asked.Name, asked.Folder, asked.Network, asked.Count)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		result = made
	case "/_control/silence":
		f.mu.Lock()
		f.silent[asked.Name] = true
		f.mu.Unlock()
	case "/_control/release":
		f.release()
	case "/_control/expire":
		f.expire()
	case "/_control/calls":
		f.mu.Lock()
		result = append([]string{}, f.calls...)
		f.mu.Unlock()
	case "/_control/machines":
		result = machines()
	case "/_control/guests":
		result = guests()
	case "/_control/switches":
		if err := f.join(asked.Names); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(result)
}

func same(one, other string) bool {
	return subtle.ConstantTimeCompare([]byte(one), []byte(other)) == 1
}

// machines makes one VM and gives its id, or as many as are asked for, numbered.
func (f *front) machines(name, folder, network string, count int) (string, error) {
	if count == 0 {
		made, err := f.site.machine(f.client, name, folder, network, 16)
		return made.Value, err
	}
	for i := 0; i < count; i++ {
		if _, err := f.site.machine(f.client, fmt.Sprintf("%s-%d", name, i), folder, network, 16); err != nil {
			return "", err
		}
	}
	return "", nil
}

// drop ends a connection without an answer.
func drop(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

const envelope = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>%s</soapenv:Body></soapenv:Envelope>`

const notAuthenticated = `<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>The session is not authenticated.</faultstring><detail><NotAuthenticatedFault xmlns="urn:vim25" xsi:type="NotAuthenticated"><object type="Folder">group-d1</object><privilegeId>System.View</privilegeId></NotAuthenticatedFault></detail></soapenv:Fault>`

func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, envelope, body)
}

// ended is the answer to a call whose task has ended in an error.
func ended(call *simulator.Method, name string) string {
	task := simulator.CreateTask(call.This, "failing", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		switch name {
		case "NoDiskSpace":
			return nil, &types.NoDiskSpace{Datastore: "its datastore"}
		case "InsufficientResourcesFault":
			return nil, &types.InsufficientResourcesFault{}
		}
		return nil, &types.GenericVmConfigFault{Reason: "asked for"}
	})
	return answered(call, task.Run())
}

// answered is the answer to a call that started a task.
func answered(call *simulator.Method, task types.ManagedObjectReference) string {
	return fmt.Sprintf(`<%[1]sResponse xmlns="urn:vim25"><returnval type="Task">%[2]s</returnval></%[1]sResponse>`,
		call.Name, task.Value)
}
