// A vCenter that speaks SOAP: VMware's own simulator, with one small site in it and a front that mends and
// breaks. The simulated site serves it, and the contract of vSphere is held against it.
//
// Debian packages the simulator as a library only (golang-github-vmware-govmomi-dev), so this is the program.
// It prints one line when it answers, and ends with SIGTERM or, where that is asked for, with its input.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"io/ioutil"
	"log"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
)

func main() {
	var site site
	listen := flag.String("l", "127.0.0.1:0", "address and port to listen on")
	cert := flag.String("tlscert", "", "server certificate, PEM")
	key := flag.String("tlskey", "", "its key, PEM")
	user := flag.String("username", "", "who may log in")
	trace := flag.Bool("trace", false, "print every request and response")
	flag.StringVar(&site.datacenter, "datacenter", "dc", "name of the datacenter")
	flag.StringVar(&site.cluster, "cluster", "cluster", "name of the cluster")
	hosts := flag.String("hosts", "esx-1,esx-2,esx-3", "names of the ESXi hosts, with commas")
	flag.IntVar(&site.cores, "cores", 0, "cores of each host; 0: as the simulator has it")
	flag.Int64Var(&site.memory, "memory", 0, "MiB of each host; 0: as the simulator has it")
	flag.StringVar(&site.datastore, "datastore", "datastore", "name of the datastore")
	flag.Int64Var(&site.capacity, "capacity", 0, "GiB of the datastore; 0: as the disk below it has it")
	flag.StringVar(&site.template, "template", "template", "name of the VM template")
	networks := flag.String("networks", "network", "names of the port groups, with commas")
	folders := flag.String("folders", "", "paths of VM folders, with commas, each behind the one above it")
	pools := flag.String("pools", "", "paths of resource pools in the cluster, likewise")
	tied := flag.Bool("tied", false, "end when the standard input ends, as when whoever started it is gone")
	flag.Parse()
	site.hosts, site.networks = names(*hosts), names(*networks)
	site.folders, site.pools = names(*folders), names(*pools)

	password := os.Getenv("VCSIM_PASSWORD") // not on the command line, where everybody could read it
	if *cert == "" || *key == "" || *user == "" || password == "" {
		log.Fatal("vcsim: -tlscert, -tlskey, -username and VCSIM_PASSWORD are needed")
	}
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	check(err)
	simulator.Trace = *trace
	if !*trace {
		log.SetOutput(ioutil.Discard)
	}

	model := simulator.VPX()
	model.Host, model.Machine, model.Datastore = 0, 0, 0
	model.Datacenter, model.Cluster, model.ClusterHost, model.Portgroup = 1, 1, len(site.hosts), 1
	check(model.Create())
	defer model.Remove()
	client, err := vim25.NewClient(context.Background(), model.Service)
	check(err)
	folder, err := ioutil.TempDir("", "vcsim-")
	check(err)
	defer os.RemoveAll(folder)
	check(site.furnish(client, folder))

	model.Service.Listen = &url.URL{Host: *listen, User: url.UserPassword(*user, password)}
	model.Service.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server := model.Service.NewServer()
	defer server.Close()
	server.Config.Handler = newFront(server.Config.Handler, client, site, *user, password)
	fmt.Printf("https://%s\n", server.Listener.Addr())

	done := make(chan os.Signal, 1)
	signal.Notify(done, syscall.SIGINT, syscall.SIGTERM)
	if *tied {
		go func() {
			_, _ = io.Copy(ioutil.Discard, os.Stdin)
			done <- syscall.SIGTERM
		}()
	}
	<-done
}

func names(text string) []string {
	return strings.FieldsFunc(text, func(char rune) bool { return char == ',' })
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "vcsim:", err)
		os.Exit(1)
	}
}
